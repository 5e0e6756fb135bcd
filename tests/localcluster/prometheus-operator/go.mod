// Pins the module whose zip file carries the CRDs of the Prometheus operator. There is no Go code, so that none of its
// dependencies is needed: `go mod tidy` would empty this file.
module llmisvc.io/localcluster/prometheus-operator

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.85.0
