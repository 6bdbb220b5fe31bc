// Mistakes that a program cannot go on from.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Ends the process with a sentence on standard error and exit code 70 (`EX_SOFTWARE` of sysexits.h).
///
/// Swift strips the text of its own preconditions from release builds; this one always speaks.
package func fatal(_ message: @autoclosure () -> String) -> Never {
  // What the program has printed so far is not lost.
  fflush(nil)
  let line = "Error: \(message())\n"
  line.utf8CString.withUnsafeBytes { bytes in
    _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count - 1)
  }
  _exit(70)
}

/// Goes on only where a condition holds; else ends the process as `fatal` does.
package func demand(
  _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String
) {
  if !condition() { fatal(message()) }
}
