// Pins the module whose zip file carries KEDA's CRDs. There is no Go code, so that none of its dependencies is needed:
// `go mod tidy` would empty this file.
module llmisvc.io/localcluster/keda

go 1.26.0

require github.com/kedacore/keda/v2 v2.19.0
