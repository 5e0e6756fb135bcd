{{- define "llmisvc.labels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/name: llmisvc
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Pods of the operator. Neither release nor version is part of it: a selector can't be changed. */ -}}
{{- define "llmisvc.selector" -}}
control-plane: llmisvc-controller-manager
{{- end }}

{{- /* REGISTRY/PATH of an image whose own registry, if it names one, is left out. */ -}}
{{- define "llmisvc.relocated" -}}
{{- if .registry -}}
{{ .registry }}/{{ regexReplaceAll "^(localhost|[^/]*[.:][^/]*)/" .image "" }}
{{- else -}}
{{ .image }}
{{- end }}
{{- end }}

{{- define "llmisvc.image" -}}
{{- $image := include "llmisvc.relocated" (dict "registry" .Values.imageRegistry "image" .Values.image.repository) -}}
{{- with .Values.image.digest -}}
{{ $image }}@{{ . }}
{{- else -}}
{{ $image }}:{{ $.Values.image.tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}

{{- /* The ConfigMap's keys. With a registry of one's own, the download's image comes from there, too. What `monitoring` says of
monitors goes into the key of that name, unless `settings` says it. */ -}}
{{- define "llmisvc.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- with .Values.imageRegistry -}}
{{- $image := include "llmisvc.relocated" (dict "registry" . "image" "kserve/storage-initializer:latest") -}}
{{- $settings = mergeOverwrite (dict "storageInitializer" (dict "image" $image)) $settings -}}
{{- end -}}
{{- $monitoring := get $settings "monitoring" | default dict -}}
{{- range $name := list "podMonitors" "interval" "labels" "schedulerTokenSecret" -}}
{{- $value := index $.Values.monitoring $name -}}
{{- if and $value (not (hasKey $monitoring $name)) -}}
{{- $_ := set $monitoring $name $value -}}
{{- end -}}
{{- end -}}
{{- with $monitoring -}}
{{- $_ := set $settings "monitoring" . -}}
{{- end -}}
{{ toYaml $settings }}
{{- end }}

{{- /* Where the API server finds the operator. The caBundle is written by the operator or by cert-manager. */ -}}
{{- define "llmisvc.clientConfig" -}}
{{- with .root.Values.webhooks.url -}}
url: {{ . }}{{ $.path }}
{{- else -}}
service:
  name: llmisvc-webhook-server-service
  namespace: {{ .root.Release.Namespace }}
  path: {{ .path }}
  port: 443
{{- end }}
{{- end }}

{{- define "llmisvc.injection" -}}
{{- if .Values.webhooks.certManager.enabled }}
annotations:
  cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/llmisvc-serving-cert
{{- end }}
{{- end }}

{{- /* The chart's presets come before there is anybody to review them. Deletions are reviewed. */ -}}
{{- define "llmisvc.presetsPass" -}}
{{- if eq .Values.presets "chart" }}
- name: not-a-preset-of-the-chart
  expression: >-
    request.operation == 'DELETE' || request.namespace != '{{ .Release.Namespace }}'
    || !object.metadata.name.startsWith('llmisvc-v{{ .Chart.AppVersion | replace "." "-" }}-config-llm-')
{{- end }}
{{- end }}

{{- define "llmisvc.certDir" -}}
{{- if .Values.webhooks.certManager.enabled -}}
/tmp/k8s-webhook-server/serving-certs
{{- else -}}
{{ .Values.webhooks.certDir }}
{{- end }}
{{- end }}
