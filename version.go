package promptorchestra

// Version is the version of this SDK, sent in User-Agent.
const Version = "0.1.0"
