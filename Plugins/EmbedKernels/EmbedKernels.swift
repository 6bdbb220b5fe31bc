// Runs EmbedKernelsTool over Kernels/*.cl before the target that uses the plugin is built.
import Foundation
import PackagePlugin

@main
struct EmbedKernels: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let folder = context.package.directoryURL.appending(path: "Kernels")
    let sources = try FileManager.default
      .contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "cl" }
      .sorted { $0.path < $1.path }
    let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedKernels.swift")
    return [
      .buildCommand(
        displayName: "Embedding \(sources.count) kernel files",
        executable: try context.tool(named: "EmbedKernelsTool").url,
        arguments: [output.path] + sources.map(\.path),
        inputFiles: sources, outputFiles: [output])
    ]
  }
}
