// Package crds pins the modules whose zip files carry the CRDs that the local cluster installs.
package crds

import (
	_ "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	_ "sigs.k8s.io/gateway-api/apis/v1"
)
