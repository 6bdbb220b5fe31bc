// Memory on a device.
internal import COpenCL

/// A range of device memory: a whole allocation, or a region of one.
package final class Buffer {
  package let byteCount: Int
  let handle: cl_mem
  /// The allocation that a region lies in; held so that it outlives the region.
  private let parent: Buffer?
  /// Where a region begins in its allocation.
  private let start: Int

  /// Allocates `byteCount` bytes; their content is undefined.
  package init(_ context: Context, byteCount: Int) throws {
    var code: cl_int = 0
    let made = clCreateBuffer(
      context.handle, cl_mem_flags(CL_MEM_READ_WRITE), max(byteCount, 1), nil, &code)
    guard let made, code == CL_SUCCESS else {
      throw OpenCLError(
        action: "allocating \(byteCount) bytes on \(context.device)", code: code)
    }
    handle = made
    parent = nil
    start = 0
    self.byteCount = byteCount
  }

  /// A region of `buffer`; `offset` is a multiple of the device's alignment.
  package init(region offset: Int, byteCount: Int, of buffer: Buffer) throws {
    // OpenCL knows no regions of regions: they are taken from the allocation.
    let parent = buffer.parent ?? buffer
    let start = buffer.start + offset
    var region = cl_buffer_region(origin: start, size: max(byteCount, 1))
    var code: cl_int = 0
    let made = clCreateSubBuffer(
      parent.handle, cl_mem_flags(CL_MEM_READ_WRITE),
      cl_buffer_create_type(CL_BUFFER_CREATE_TYPE_REGION), &region, &code)
    guard let made, code == CL_SUCCESS else {
      throw OpenCLError(
        action: "taking \(byteCount) bytes at offset \(start) of a buffer of \(parent.byteCount)",
        code: code)
    }
    handle = made
    self.parent = parent
    self.start = start
    self.byteCount = byteCount
  }

  /// Which allocation it lies in, and at which byte.
  package var place: Place { Place(allocation: ObjectIdentifier(parent ?? self), start: start) }

  package struct Place: Hashable {
    let allocation: ObjectIdentifier
    let start: Int
  }

  deinit { clReleaseMemObject(handle) }
}
