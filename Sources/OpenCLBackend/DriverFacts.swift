// What was measured of single drivers, beyond what they say of themselves.
import OpenCL

extension DeviceDescription {
  /// Whether numbers too small for a full mantissa are better zeros (`-cl-denorms-are-zero`). Intel's processors take
  /// some hundred cycles for each, AMD's none. PoCL 6 calls what it otherwise puts in place as soon as it is asked
  /// for this (its library then differs from the kernel in an attribute that forbids it): products at a tenth of
  /// their speed. PoCL 3.1 and 7.1 do not; 4 and 5 were not tried and are left alone.
  var gainsFromFlushing: Bool {
    guard kind == .cpu, name.contains("Intel") else { return false }
    let major = driverVersion.prefix { $0.isNumber }
    return !isPoCL || !["4", "5", "6"].contains(major)
  }

  /// Whether programs are better off without the header of OpenCL C, which declares every function for every type. PoCL 3.1 reads its 18,000
  /// lines for each program: 0.12 s, and 0.03 s without. Other versions were not tried.
  var gainsFromDeclarations: Bool { isPoCL && driverVersion.hasPrefix("3.1") }

  /// Whether sub-buffers can be released. NVIDIA's driver (580.159 on an H100) ends the process when a dozen were made
  /// of one buffer, some of which overlap, and are released one by one; pairs do no harm, nor six that do not
  /// overlap. What else it takes was not found out.
  var releasesSubBuffers: Bool { platformName != "NVIDIA CUDA" }

  /// Whether a work-item can have twice the registers if the compiler is asked (Intel's GPUs since Gen12).
  var hasLargeRegisterFile: Bool {
    kind == .gpu && extensions.contains { $0.hasPrefix("cl_intel_") }
      && platformName.contains("Intel")
  }
}
