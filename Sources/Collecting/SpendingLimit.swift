// What answers may cost, and what they have cost.
import Base
import Foundation

/// Numbers of tokens, read and written.
package struct TokenCount: Sendable, Equatable {
  package var input: Int
  package var output: Int

  package var total: Int { input + output }

  package static let zero = TokenCount(input: 0, output: 0)

  package static func + (a: TokenCount, b: TokenCount) -> TokenCount {
    TokenCount(input: a.input + b.input, output: a.output + b.output)
  }

  package static func - (a: TokenCount, b: TokenCount) -> TokenCount {
    TokenCount(input: a.input - b.input, output: a.output - b.output)
  }
}

/// Prices of tokens. Money is counted in whole millionths of a millionth of a dollar, so that sums are exact.
package struct TokenPrice: Sendable, Equatable {
  private let input: Int
  private let output: Int

  /// Dollars for a million tokens, read and written.
  package init(input: Double, output: Double) {
    (self.input, self.output) = (Int((input * 1e6).rounded()), Int((output * 1e6).rounded()))
  }

  package func cost(_ tokens: TokenCount) -> Money {
    Money.product(input, tokens.input) + Money.product(output, tokens.output)
  }
}

/// An amount of US dollars, in units of 1e-12. Sums that would be larger than some four million dollars stay there.
package struct Money: Sendable, Comparable {
  let units: Int
  private static let most = 1 << 62

  init(_ units: Int) { self.units = units }

  package init(dollars: Double) { units = Int(min(dollars * 1e12, 4e18).rounded(.up)) }

  package var dollars: Double { Double(units) * 1e-12 }

  static func product(_ a: Int, _ b: Int) -> Money {
    let (product, isTooLarge) = a.multipliedReportingOverflow(by: b)
    return Money(isTooLarge ? most : min(product, most))
  }

  package static func < (a: Money, b: Money) -> Bool { a.units < b.units }
  static func + (a: Money, b: Money) -> Money {
    let (sum, isTooLarge) = a.units.addingReportingOverflow(b.units)
    return Money(isTooLarge ? most : min(sum, most))
  }
  static func - (a: Money, b: Money) -> Money { Money(a.units - b.units) }
}

/// What something costs, in tokens and money.
package struct Spending: Sendable {
  package var tokens = TokenCount.zero
  package var money = Money(0)

  static func + (a: Spending, b: Spending) -> Spending {
    Spending(tokens: a.tokens + b.tokens, money: a.money + b.money)
  }

  static func - (a: Spending, b: Spending) -> Spending {
    Spending(tokens: a.tokens - b.tokens, money: a.money - b.money)
  }
}

/// The limits of a collection. Before anything is sent the most that it can cost is reserved, so that what was spent never passes a
/// limit, however many answers are under way.
actor SpendingLimit {
  struct Limits: Sendable {
    var money: Money?
    var tokens: Int?
  }

  private let limits: Limits
  private(set) var spent: Spending
  private(set) var reserved = Spending()
  private var waiting: [CheckedContinuation<Void, Never>] = []

  /// `spent` is what earlier processes of the same collection have cost.
  init(_ limits: Limits, spent: Spending) { (self.limits, self.spent) = (limits, spent) }

  private func fits(_ spending: Spending) -> Bool {
    limits.money.map { spending.money <= $0 } ?? true
      && limits.tokens.map { spending.tokens.total <= $0 } ?? true
  }

  /// Reserves the most that something costs. Waits while what others have reserved may turn out to be cheaper; false where there is
  /// too little left.
  func reserve(_ bound: Spending) async -> Bool {
    while !fits(spent + reserved + bound) {
      guard reserved.tokens.total > 0, fits(spent + bound) else { return false }
      await withCheckedContinuation { waiting.append($0) }
    }
    reserved = reserved + bound
    return true
  }

  /// Puts what something has cost in place of what was reserved for it.
  func settle(_ bound: Spending, cost: Spending) {
    reserved = reserved - bound
    spent = spent + cost
    let woken = waiting
    waiting = []
    for continuation in woken { continuation.resume() }
  }
}
