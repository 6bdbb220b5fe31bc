// What is known of a run before it begins.

/// What a doctor found of a run, with the data as a person can check them.
package struct RunExamination {
  package let data: String
  package let findings: [Finding]
  package let sample: DataSample

  package init(data: String, findings: [Finding], sample: DataSample) {
    (self.data, self.findings, self.sample) = (data, findings, sample)
  }
}
