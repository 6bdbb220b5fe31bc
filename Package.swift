// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours is built in Swift 6 mode, and a warning is an error.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

func room(_ name: String, imports: [Target.Dependency] = [], plugins: [Target.PluginUsage] = [])
  -> Target
{
  .target(name: name, dependencies: imports, swiftSettings: strict, plugins: plugins)
}

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

/// What speaks with other machines stands behind the trait `Network`: programs without it need none of these packages.
let network = TargetDependencyCondition.when(traits: ["Network"])
let server = Target.Dependency.product(
  name: "Hummingbird", package: "hummingbird", condition: network)
let client = Target.Dependency.product(
  name: "AsyncHTTPClient", package: "async-http-client", condition: network)

let package = Package(
  name: "retort",
  products: [
    .executable(name: "retort", targets: ["Command"]),
    .library(name: "Retort", targets: ["Retort"]),
  ],
  traits: [
    .trait(name: "Network", description: "Commands that speak with other machines."),
    .default(enabledTraits: ["Network"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
  ],
  targets: [
    // What every room may use
    room("Base"),

    // Hardware
    .systemLibrary(name: "COpenCL", providers: [.apt(["ocl-icd-opencl-dev", "opencl-headers"])]),
    room("OpenCL", imports: ["COpenCL"]),
    room("OpenCLBackend", imports: ["Base", "OpenCL", "Tensors"], plugins: ["EmbedKernels"]),

    // Mathematics
    room("Tensors", imports: ["Base"]),
    room("Layers", imports: ["Base", "Tensors"]),
    room("Models", imports: ["Layers", "Storage"]),
    room("Training", imports: ["Layers", "Storage"]),
    room("Distillation", imports: ["Training"]),

    room("Experiments", imports: ["Distillation", "Models", "Terms", "Yams"]),

    // A wing for each kind of model
    room("Text", imports: ["Experiments", "Tokenizers"]),
    room("Sentences", imports: ["Text"]),

    room("SelfTest", imports: ["Text"]),

    // Hosted models
    room("Terms", imports: ["Storage"]),
    room("Collecting", imports: ["Terms", "Text", client]),
    .target(
      name: "Serving", dependencies: ["Sentences", server], resources: [.embedInCode("chat.html")],
      swiftSettings: strict),

    // The public face
    room("Retort", imports: ["OpenCLBackend", "Sentences", "Text"]),

    // Leaves
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    room("Storage", imports: ["Base", "CZlib", "Tensors"]),
    room("Tokenizers", imports: ["Storage"]),

    // Programs
    .executableTarget(
      name: "Command",
      dependencies: [
        argumentParser, "OpenCLBackend", "SelfTest", "Sentences", "Text",
        .target(name: "Collecting", condition: network),
        .target(name: "Serving", condition: network),
      ], swiftSettings: strict),
    .executableTarget(
      name: "benchmarks",
      dependencies: [argumentParser, "OpenCLBackend", "SelfTest", "Text"],
      path: "Benchmarks", exclude: ["Results", "Peers"], swiftSettings: strict),

    // Kernels/*.cl become string literals at build time.
    .executableTarget(name: "EmbedKernelsTool", swiftSettings: strict),
    .plugin(name: "EmbedKernels", capability: .buildTool(), dependencies: ["EmbedKernelsTool"]),

    // Tests
    .target(
      name: "Checks", dependencies: ["Tensors", "OpenCL", "OpenCLBackend", "Storage"],
      path: "Tests/Checks",
      swiftSettings: strict),
    .testTarget(
      name: "OpTests", dependencies: ["Checks"], swiftSettings: strict),
    .testTarget(name: "TensorsTests", dependencies: ["Checks"], swiftSettings: strict),
    .testTarget(name: "OpenCLTests", dependencies: ["Checks"], swiftSettings: strict),
    .testTarget(name: "StorageTests", dependencies: ["Checks", "Storage"], swiftSettings: strict),
    .testTarget(
      name: "TokenizersTests", dependencies: ["Checks", "Tokenizers"], swiftSettings: strict),
    .testTarget(name: "ModelsTests", dependencies: ["Checks", "Models"], swiftSettings: strict),
    .testTarget(
      name: "TrainingTests", dependencies: ["Checks", "SelfTest", "Sentences"],
      swiftSettings: strict),
    .testTarget(
      name: "NetworkTests", dependencies: ["Checks", "Collecting", "Command", "Serving"],
      swiftSettings: strict),
    .testTarget(
      name: "ToolTests",
      dependencies: ["Checks", "Command", "Sentences", "Yams"],
      swiftSettings: strict),
  ]
)
