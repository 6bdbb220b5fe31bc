// Which Retort this is.

/// The version that files, reports and `retort --version` name.
package let retortVersion = "0.1.0"
