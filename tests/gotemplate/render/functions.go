package main

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	corev1 "k8s.io/api/core/v1"

	"llmisvc.io/gotemplate/v1alpha2"
)

const limit, hashLen = 63, 32

// functions has the three functions of reference/workloads.md §5.3; quote is what kvTransferConfig writes for `"`.
func functions(quote string) template.FuncMap {
	return template.FuncMap{
		"ChildName":       childName,
		"shutdownTimeout": shutdownTimeout,
		"kvTransferConfig": func(spec *v1alpha2.KVCacheOffloadingSpec) (string, error) {
			return kvTransferConfig(spec, quote)
		},
	}
}

func childName(parent, suffix string) string {
	room := limit - hashLen
	switch {
	case len(parent)+len(suffix) <= limit:
		return parent + suffix
	case len(suffix) < room:
		return parent[:room-len(suffix)] + hash(parent) + suffix
	}
	name := parent[:min(len(parent), room)] + hash(parent+suffix)
	name += suffix[:min(len(suffix), limit-len(name))]
	return strings.TrimRightFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9')
	})
}

func hash(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

func shutdownTimeout(pod *corev1.PodSpec, preStop int64) int64 {
	grace := int64(60)
	if pod != nil && pod.TerminationGracePeriodSeconds != nil {
		grace = *pod.TerminationGracePeriodSeconds
	}
	return max(0, grace-preStop-min(5, grace))
}

func kvTransferConfig(spec *v1alpha2.KVCacheOffloadingSpec, quote string) (string, error) {
	if spec == nil {
		return "", nil
	}
	extra := map[string]any{"cpu_bytes_to_use": spec.CPU.Value(), "spec_name": "TieringOffloadingSpec"}
	if spec.EvictionPolicy != "" {
		extra["eviction_policy"] = spec.EvictionPolicy
	}
	var tiers []map[string]string
	for i, tier := range spec.Secondary {
		if tier.FileSystem != nil {
			tiers = append(tiers, map[string]string{"root_dir": fmt.Sprintf("/mnt/kv-cache-%d", i), "type": "fs"})
		}
	}
	if len(tiers) > 0 {
		extra["secondary_tiers"] = tiers
	}
	document, err := json.Marshal(map[string]any{
		"kv_connector": "OffloadingConnector", "kv_connector_extra_config": extra, "kv_role": "kv_both",
	})
	text := strings.ReplaceAll(string(document), `"`, quote)
	return "--kv-transfer-config '" + text + "'", err
}
