// The rules that are known, in one table.

extension TermsRule {
  /// Rules of providers, then of open weights.
  package static let table: [TermsRule] = providers + weights

  private static let providers: [TermsRule] = [
    TermsRule(
      id: "openai-services-2026-01-01", title: "OpenAI Services Agreement 3.3(e)",
      verdict: .restricted,
      rule:
        "Not \"except for a Permitted Exception, use Output to develop artificial intelligence models that compete with "
        + "OpenAI's products and services\". Classifiers and embeddings that are not given to others are an exception.",
      dated: "2026-01-01", reading: .quotation,
      source: "https://openai.com/policies/services-agreement/",
      hosts: ["openai.com", "openai.azure.com"],
      models: ["gpt-", "o1", "o3", "o4"]),
    TermsRule(
      id: "anthropic-commercial-2025-06-17",
      title: "Anthropic Commercial Terms D.4 and Usage Policy", verdict: .forbidden,
      rule:
        "No access \"to build a competing product or service, including to train competing AI models\" except as expressly "
        + "approved; the policy forbids training a model on inputs and outputs without authorisation.",
      dated: "2025-06-17 and 2025-09-15", reading: .quotation,
      source: "https://www.anthropic.com/legal/commercial-terms", hosts: ["anthropic.com"],
      models: ["claude"]),
    TermsRule(
      id: "gemini-api-2026-03-23", title: "Gemini API Additional Terms of Service",
      verdict: .restricted,
      rule: "\"You may not use the Services to develop models that compete with the Services\".",
      dated: "2025-05-20, later text of 2026-03-23 in quotations", reading: .page,
      source: "https://ai.google.dev/gemini-api/terms",
      hosts: ["generativelanguage.googleapis.com", "aiplatform.googleapis.com"],
      models: ["gemini"]),
    TermsRule(
      id: "deepseek-api-2025-01-20", title: "DeepSeek's API, and R1's weights", verdict: .allowed,
      rule:
        "\"API outputs can now be used for fine-tuning & distillation\"; R1's licence is MIT, \"including, but not limited "
        + "to, distillation for training other LLMs\".",
      dated: "2025-01-20", reading: .quotation, source: "https://api-docs.deepseek.com/",
      hosts: ["deepseek.com"], models: ["deepseek-r1", "deepseek-reasoner", "deepseek-chat"]),
    TermsRule(
      id: "qwen-hosted", title: "Qwen's models that are hosted alone", verdict: .unknown,
      rule: "Their terms were not seen; they are not under the licence of Qwen's open weights.",
      dated: "-", reading: .none,
      source: "https://www.alibabacloud.com/help/en/model-studio/",
      models: [
        "qwen-max", "qwen-plus", "qwen-turbo", "qwen-flash", "qwen3-max", "qwen3-coder-plus",
        "qwen3-coder-flash",
      ]),
    TermsRule(
      id: "mistral-api", title: "Mistral's commercial terms", verdict: .unknown,
      rule: "The clause on outputs was not seen.", dated: "-", reading: .none,
      source: "https://mistral.ai/terms", hosts: ["mistral.ai"]),
  ]

  private static let weights: [TermsRule] = [
    TermsRule(
      id: "deepseek-model-1.0", title: "DeepSeek Model License 1.0 (V2, V3 of 2024)",
      verdict: .conditions,
      rule:
        "A model that was distilled is a derivative; the use limits of Attachment A are passed on.",
      dated: "2023-10-23", reading: .page,
      source: "https://github.com/deepseek-ai/DeepSeek-LLM/blob/main/LICENSE-MODEL",
      models: ["deepseek-v2", "deepseek-v3", "deepseek-llm"],
      licences: ["deepseek"], duties: [.carriesLicence]),
    TermsRule(
      id: "llama-2-3.0", title: "Llama 2 and Llama 3 Community License", verdict: .forbidden,
      rule:
        "\"You will not use the Llama Materials or any output or results of the Llama Materials to improve any other large "
        + "language model\".",
      dated: "2024-04-18 (Llama 3)", reading: .quotation,
      source: "https://llama.meta.com/llama3/license/",
      models: ["llama-2", "llama2", "meta-llama-3-", "llama3", "llama-3-"],
      licences: ["llama2", "llama3"]),
    TermsRule(
      id: "llama-3.1-4", title: "Llama 3.1, 3.2, 3.3 and 4 Community License",
      verdict: .conditions,
      rule:
        "A model trained on Llama Materials or outputs has a name that begins with \"Llama\" and shows \"Built with Llama\"; "
        + "another licence is needed above 700 million monthly users.",
      dated: "2024-07-23 to 2025-04-05", reading: .quotation,
      source: "https://www.llama.com/llama3_1/license/",
      models: [
        "llama-3.1", "llama-3.2", "llama-3.3", "llama-4", "meta-llama-3.1", "llama3.1", "llama3.2",
        "llama3.3", "llama4", "deepseek-r1-distill-llama",
      ],
      licences: ["llama3.1", "llama3.2", "llama3.3", "llama4"],
      duties: [.nameBegins(with: "Llama"), .shows("Built with Llama"), .carriesLicence]),
    TermsRule(
      id: "gemma-terms-2026-04-01", title: "Gemma Terms of Use (Gemma 1 to 3n)",
      verdict: .conditions,
      rule:
        "A model that has learnt from outputs is a \"Model Derivative\": terms, use limits and notice are passed on.",
      dated: "2026-04-01", reading: .quotation, source: "https://ai.google.dev/gemma/terms",
      models: ["gemma", "codegemma", "recurrentgemma"],
      licences: ["gemma"],
      duties: [
        .shows(
          "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
        ),
        .carriesLicence,
      ]),
    TermsRule(
      id: "apache-2.0", title: "Weights under Apache 2.0", verdict: .allowed,
      rule: "The licence says nothing against training on outputs.", dated: "2004-01",
      reading: .quotation, source: "https://www.apache.org/licenses/LICENSE-2.0",
      models: [
        "deepseek-r1-distill-qwen", "gemma-4", "gemma4", "gpt-oss", "qwen3", "qwen2.5-0.5b",
        "qwen2.5-1.5b", "qwen2.5-7b",
        "qwen2.5-14b", "qwen2.5-32b", "mistral-7b", "mixtral",
      ], licences: ["apache-2.0"]),
    TermsRule(
      id: "mit", title: "Weights under the MIT licence", verdict: .allowed,
      rule: "The licence says nothing against training on outputs.", dated: "1988",
      reading: .quotation, source: "https://opensource.org/license/mit", licences: ["mit"]),
    TermsRule(
      id: "qwen-72b", title: "Qwen License (Qwen2.5-72B)", verdict: .conditions,
      rule:
        "A model trained on outputs shows \"Built with Qwen\"; another licence is needed above 100 million monthly users.",
      dated: "2024-09-19", reading: .quotation,
      source: "https://huggingface.co/Qwen/Qwen2.5-72B-Instruct/blob/main/LICENSE",
      models: ["qwen2.5-72b", "qwen2.5:72b"],
      licences: ["qwen", "tongyi-qianwen"], duties: [.shows("Built with Qwen")]),
    TermsRule(
      id: "qwen-research", title: "Qwen Research License (Qwen2.5-3B)", verdict: .restricted,
      rule: "Research only.", dated: "2024-09-19", reading: .quotation,
      source: "https://huggingface.co/Qwen/Qwen2.5-3B/blob/main/LICENSE",
      models: ["qwen2.5-3b", "qwen2.5:3b"], licences: ["qwen-research"]),
    TermsRule(
      id: "mistral-mrl-0.1", title: "Mistral AI Research License 0.1", verdict: .restricted,
      rule:
        "\"A Mistral Model, a Derivative or an Output\" is used only as authorised, which is research.",
      dated: "2024-07", reading: .page, source: "https://mistral.ai/licenses/MRL-0.1.md",
      models: ["mistral-large", "mistral-small-2409", "ministral", "codestral", "pixtral-large"],
      licences: ["mrl", "mistral-ai-research-licence"]),
    TermsRule(
      id: "hunyuan", title: "Tencent Hunyuan Community License", verdict: .forbidden,
      rule:
        "\"You must not use the Tencent Hunyuan Works or any Output or results of the Tencent Hunyuan Works to improve any "
        + "other large language model\".",
      dated: "2024-11", reading: .quotation,
      source: "https://github.com/Tencent/Tencent-Hunyuan-Large/blob/main/License.txt",
      models: ["hunyuan"], licences: ["tencent-hunyuan-community"]),
    TermsRule(
      id: "kimi-k2", title: "Kimi K2's modified MIT licence", verdict: .conditions,
      rule:
        "Above 100 million monthly users, or 20 million US dollars a month, a product shows \"Kimi K2\".",
      dated: "2025-07", reading: .quotation,
      source: "https://github.com/MoonshotAI/Kimi-K2/blob/main/LICENSE", models: ["kimi-k2"],
      licences: ["modified-mit"],
      duties: [.person("Above the limits, \"Kimi K2\" is shown in the product.")]),
    TermsRule(
      id: "nvidia-open-model", title: "NVIDIA Open Model License", verdict: .conditions,
      rule: "A notice goes with derivatives.", dated: "2025", reading: .quotation,
      source:
        "https://www.nvidia.com/en-us/agreements/enterprise-software/nvidia-open-model-license/",
      models: ["nemotron", "llama-3.1-nemotron", "nvidia-nemotron"],
      licences: ["nvidia-open-model-license"],
      duties: [
        .shows("Licensed by NVIDIA Corporation under the NVIDIA Open Model License"),
        .carriesLicence,
      ]),
  ]
}
