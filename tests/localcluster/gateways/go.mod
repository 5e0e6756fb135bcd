// Pins modules whose zip files carry the CRDs of gateway implementations. There is no Go code, so that none of their
// dependencies is needed: `go mod tidy` would empty this file.
module llmisvc.io/localcluster/gateways

go 1.26.0

require (
	github.com/envoyproxy/gateway v1.9.1
	istio.io/api v1.32.0
)
