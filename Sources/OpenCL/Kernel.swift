// One kernel function with its arguments.
internal import COpenCL

/// A kernel object. Its arguments stay set, so one object serves one launch for ever.
package final class Kernel {
  package let name: String
  /// The most work-items of a group that the device runs this kernel in, as it was built.
  package let maximumWorkGroupSize: Int
  let handle: cl_kernel
  /// The buffers that were set as arguments; OpenCL does not keep them alive.
  private var held: [Int: Buffer] = [:]

  package init(_ program: Program, name: String) throws {
    var code: cl_int = 0
    let made = clCreateKernel(program.handle, name, &code)
    guard let made else { throw OpenCLError(action: "finding the kernel \(name)", code: code) }
    handle = made
    self.name = name
    var limit = 0
    let answer = clGetKernelWorkGroupInfo(
      made, program.device.handle.device, cl_kernel_work_group_info(CL_KERNEL_WORK_GROUP_SIZE),
      MemoryLayout<Int>.size, &limit, nil)
    maximumWorkGroupSize = answer == CL_SUCCESS && limit > 0 ? limit : .max
  }

  deinit { clReleaseKernel(handle) }

  package func set(_ index: Int, to buffer: Buffer) throws {
    var memory: cl_mem? = buffer.handle
    try set(index, size: MemoryLayout<cl_mem?>.size, value: &memory)
    held[index] = buffer
  }

  package func set(_ index: Int, to number: Int32) throws {
    var number = number
    try set(index, size: MemoryLayout<Int32>.size, value: &number)
  }

  package func set(_ index: Int, to number: Float) throws {
    var number = number
    try set(index, size: MemoryLayout<Float>.size, value: &number)
  }

  private func set(_ index: Int, size: Int, value: UnsafeRawPointer) throws {
    try check(
      clSetKernelArg(handle, cl_uint(index), size, value),
      "setting argument \(index) of \(name)")
  }
}
