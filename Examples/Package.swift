// swift-tools-version: 6.2
import PackageDescription

// In a package elsewhere the dependency is the repository's address, or the path of a clone.
let retort = Target.Dependency.product(name: "Retort", package: "retort")

let package = Package(
  name: "retort-examples",
  dependencies: [.package(name: "retort", path: "..", traits: [])],
  targets: [
    .executableTarget(name: "FirstDistillation", dependencies: [retort]),
    .executableTarget(name: "Digits", dependencies: [retort]),
    .executableTarget(name: "Characters", dependencies: [retort]),
    .executableTarget(name: "CustomLoss", dependencies: [retort, "DigitImages"]),
    .executableTarget(name: "NewTask", dependencies: [retort, "DigitImages"]),
    // What the last two share: the pictures, and a classifier.
    .target(name: "DigitImages", dependencies: [retort]),
  ]
)
