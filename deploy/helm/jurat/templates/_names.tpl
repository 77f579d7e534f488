{{- define "jurat.labels" -}}
app.kubernetes.io/name: jurat
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "jurat.toml" -}}
listen = "0.0.0.0:8000"
admin_listen = "{{ if .Values.metrics.enabled }}0.0.0.0{{ else }}127.0.0.1{{ end }}:9464"
engine = "http://127.0.0.1:8001"
model_dir = "/models/served"
drain_grace = {{ .Values.jurat.drainGrace }}
{{- if .Values.jurat.stateClaim }}
state_dir = "/state"
{{- end }}
{{- range $name, $value := .Values.jurat.config }}
{{- /* Whole numbers come as doubles, and would be written with an exponent. */}}
{{ $name }} = {{ if and (kindIs "float64" $value) (eq (floor $value) $value) }}{{ $value | int64 }}{{ else }}{{ $value | toJson }}{{ end }}
{{- end }}
{{ end -}}
