// Numbers that a person types.
import ArgumentParser

/// Throws unless a number of things that an option gives is from 1 to `largest`; none given is fine.
func requireCount(_ value: Int?, _ option: String, from least: Int = 1, to largest: Int = 1 << 20)
  throws
{
  guard let value, !(least...largest).contains(value) else { return }
  throw ValidationError("--\(option) must be from \(least) to \(largest).")
}
