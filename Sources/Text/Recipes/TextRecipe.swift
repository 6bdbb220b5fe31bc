// What runs that learn from texts read, as their recipes say it.
import Experiments

/// The keys of everything that learns from texts.
package struct TextRecipe: RecipePart {
  @Key("What the models learn from.")
  package var data = DataRecipe()

  package init() {}

  package static var formerNames: [String: String] {
    ["data.text": "data.files", "data.completions": "data.files"]
  }

  package mutating func eachPath(_ body: (inout String) -> Void) {
    for index in data.files.indices where data.files[index] != "-" { body(&data.files[index]) }
  }

  package func validate() throws {
    try require(
      data.heldOut + data.validation < 1, "data.validation",
      "at least 0, and below 1 with data.held_out")
  }
}

package struct DataRecipe: RecipeSection {
  @Key(
    """
    Texts, JSON, JSON lines, CSV or TSV, each perhaps packed with gzip, folders of such files, and patterns; - is \
    standard input. None means Debian's `fortunes`.
    """)
  package var files: [String] = []

  @Key("The names of the files' fields, where they are not the usual ones.")
  package var fields = FieldsRecipe()

  @Key("The share of entries that is held out, to judge models by.", .openShare)
  package var heldOut = 0.1

  @Key(
    """
    The share of entries that is kept apart to choose every model's best weights by; of a long text 64 rows are \
    measured. 0 keeps the last weights. With held_out it must stay below 1.
    """, .shareBelow1())
  package var validation = 0.01

  @Key(
    """
    Of a longer held-out text about so many tokens, but at least 128 rows, are judged, chosen by entries. 0 judges all.
    """, .notNegative)
  package var judgedTokens = 65_536

  @Key("Tokens per row.", .from(1, to: 65_536))
  package var sequenceLength = 128

  package init() {}

  /// How many held-out rows are judged where there are more.
  package var judgedRows: Int { judgedTokens > 0 ? max(128, judgedTokens / sequenceLength) : .max }
}

/// Under which names data files hold what is learnt; empty is the usual name.
package struct FieldsRecipe: RecipeSection {
  @Key("The field of a text.")
  package var text = ""

  @Key("The field of a prompt.")
  package var prompt = ""

  @Key("The field of what follows the prompt.")
  package var completion = ""

  @Key("The field of a conversation.")
  package var messages = ""

  package init() {}
}
