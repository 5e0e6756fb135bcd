{{- define "llmisvc-crds.labels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/name: llmisvc
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "llmisvc-crds.namespace" -}}
{{ .Values.webhooks.namespace | default .Release.Namespace }}
{{- end }}

{{- /* The definitions and everything of these kinds stay when the release goes. */ -}}
{{- define "llmisvc-crds.annotations" -}}
helm.sh/resource-policy: keep
{{- if and .Values.webhooks.enabled .Values.webhooks.certManager.enabled }}
cert-manager.io/inject-ca-from: {{ include "llmisvc-crds.namespace" . }}/llmisvc-serving-cert
{{- end }}
{{- end }}

{{- /* Where the API server finds the operator. The caBundle is written by the operator or by cert-manager. */ -}}
{{- define "llmisvc-crds.clientConfig" -}}
{{- with .Values.webhooks.url -}}
url: {{ . }}/convert
{{- else -}}
service:
  name: llmisvc-webhook-server-service
  namespace: {{ include "llmisvc-crds.namespace" . }}
  path: /convert
  port: 443
{{- end }}
{{- end }}
