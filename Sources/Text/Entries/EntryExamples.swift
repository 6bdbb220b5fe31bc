// Entries of data files as examples, of which a model learns its part.
import Foundation
import Storage
import Tokenizers

/// Turns entries into ids with targets. Only what a teacher wrote is learnt: of a text everything, of a prompt with its
/// completion the completion, of conversations the assistant's turns; the token that ends it is learnt too.
package struct EntryExamples {
  private let tokenizer: Tokenizer
  private let end: Int32
  /// What renders conversations; bytes have nothing.
  private let directory: TokenizerDirectory?

  /// Reads entries with a run's tokenizer.
  package init(_ tokenizer: RunTokenizer) {
    self.init(tokenizer.tokenizer, end: tokenizer.endOfText, directory: tokenizer.directory)
  }

  package init(_ tokenizer: Tokenizer, end: Int32, directory: TokenizerDirectory?) {
    (self.tokenizer, self.end, self.directory) = (tokenizer, end, directory)
  }

  /// The examples of an entry: one, or several where its template shows earlier answers otherwise once others follow.
  package func examples(_ entry: DataEntry) throws -> [TokenExamples.Example] {
    try DataEntry.placed(entry.source) {
      switch try entry.form() {
      case .text(let text): return [try whole(text)]
      case .pair(let prompt, let completion):
        guard let completion else {
          throw EntryProblem(description: "there is a `prompt` and no `completion`")
        }
        return try pair(prompt, completion)
      case .instruction(let instruction, let input, let output):
        guard let output, !output.isEmpty else {
          throw EntryProblem(description: "there is an `instruction` and no `output`")
        }
        if directory?.hasChatTemplate == true {
          let messages = instructionMessages(instruction, input: input, output: output)
          return try conversation(messages, entry.named, given: 0)
        }
        return try pair(alpacaPrompt(instruction, input: input), output)
      case .turns(let messages, let given):
        return try conversation(messages, entry.named, given: given)
      }
    }
  }

  /// A text that is learnt whole, with its end.
  func whole(_ text: String) throws -> TokenExamples.Example {
    let ids = ended(try tokenizer.encode(text))
    return .init(tokens: ids, isTarget: [Bool](repeating: true, count: ids.count))
  }

  /// A completion goes on with its prompt: the two are one text, of which the beginning is the prompt's.
  private func pair(_ prompt: String, _ completion: String) throws -> [TokenExamples.Example] {
    let before = try tokenizer.encode(prompt, endsText: false)
    let all = ended(try tokenizer.encode(prompt + completion))
    let given = zip(all, before).prefix { $0 == $1 }.count
    return [.init(tokens: all, isTarget: all.indices.map { $0 >= given })]
  }

  /// Ids with the token that ends a text behind them, once.
  private func ended(_ ids: [Int32]) -> [Int32] { ids.last == end ? ids : ids + [end] }

  private func conversation(_ messages: [JSON], _ object: JSON.Object, given: Int) throws
    -> [TokenExamples.Example]
  {
    guard let directory else {
      throw EntryProblem(
        description:
          "a conversation needs a chat template, and a model of bytes has none: name a tokenizer's folder "
          + "in data.tokenizer")
    }
    let conversation = try Conversation(messages, object)
    let hasAnswer = conversation.messages[min(given, messages.count)...].contains { message in
      message["role"]?.string == "assistant"
        && (message["content"]?.string?.isEmpty == false || message["tool_calls"] != nil)
    }
    guard hasAnswer else {
      throw EntryProblem(description: "no message of the assistant has a content")
    }
    let examples = try ConversationTargets(
      text: directory, end: end, conversation: conversation, given: given
    ).examples()
    guard !examples.isEmpty else {
      throw EntryProblem(
        description: "the chat template leaves nothing of the assistant's messages")
    }
    return examples
  }
}

extension TokenizerDirectory {
  /// Whether the model answers conversations.
  package var hasChatTemplate: Bool { chatTemplateSource() != nil }
}

/// An instruction as a conversation, for models with a chat template.
func instructionMessages(_ instruction: String, input: String, output: String?) -> [JSON] {
  [.message("user", .string(instruction + (input.isEmpty ? "" : "\n\n" + input)))]
    + (output.map { [.message("assistant", .string($0))] } ?? [])
}

/// The prompt of Alpaca's own training, for models without a chat template
/// (github.com/tatsu-lab/stanford_alpaca, train.py).
func alpacaPrompt(_ instruction: String, input: String) -> String {
  let start = "Below is an instruction that describes a task"
  let end = "Write a response that appropriately completes the request.\n\n### Instruction:\n"
  return input.isEmpty
    ? "\(start). \(end)\(instruction)\n\n### Response:"
    : "\(start), paired with an input that provides further context. \(end)\(instruction)\n\n### Input:\n\(input)"
      + "\n\n### Response:"
}
