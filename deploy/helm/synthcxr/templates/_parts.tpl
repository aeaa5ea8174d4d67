{{- define "synthcxr.labels" -}}
app.kubernetes.io/name: synthcxr
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "synthcxr.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "synthcxr.security" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "synthcxr.environment" -}}
- name: SYNTHCXR_DATA_DIR
  value: /data/synthcxr  # the service makes it, for itself alone; the volume is the group's too
- name: HOME
  value: /tmp
{{- if .Values.radiographs.existingClaim }}
- name: SYNTHCXR_DATASET_ROOTS
  value: /radiographs
{{- end }}
{{- if .Values.secret.keys.databasePassword }}
- name: SYNTHCXR_DATABASE_PASSWORD_FILE
  value: /secrets/database-password
{{- end }}
{{- if .Values.secret.keys.brokerPassword }}
- name: SYNTHCXR_BROKER_PASSWORD_FILE
  value: /secrets/broker-password
{{- end }}
{{- if .Values.secret.keys.s3SecretAccessKey }}
- name: SYNTHCXR_S3_SECRET_ACCESS_KEY_FILE
  value: /secrets/s3-secret-access-key
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "synthcxr.mounts" -}}
- name: data
  mountPath: /data
- name: secrets
  mountPath: /secrets
  readOnly: true
- name: tmp
  mountPath: /tmp
- name: memory
  mountPath: /dev/shm
{{- end }}

{{- define "synthcxr.radiographs" -}}
{{- if .Values.radiographs.existingClaim }}
- name: radiographs
  mountPath: /radiographs
  readOnly: true
{{- end }}
{{- end }}

{{- define "synthcxr.volumes" -}}
- name: data
  persistentVolumeClaim:
    claimName: {{ .Values.data.existingClaim | default (printf "%s-data" .Release.Name) }}
{{ include "synthcxr.ownVolumes" . }}
{{- if .Values.radiographs.existingClaim }}
- name: radiographs
  persistentVolumeClaim:
    claimName: {{ .Values.radiographs.existingClaim }}
    readOnly: true
{{- end }}
{{- end }}

{{- define "synthcxr.ownVolumes" -}}
- name: secrets
  secret:
    secretName: {{ .Values.secret.name }}
    defaultMode: 0440
    items:
{{- with .Values.secret.keys.databasePassword }}
      - key: {{ . }}
        path: database-password
{{- end }}
{{- with .Values.secret.keys.brokerPassword }}
      - key: {{ . }}
        path: broker-password
{{- end }}
{{- with .Values.secret.keys.s3SecretAccessKey }}
      - key: {{ . }}
        path: s3-secret-access-key
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 2Gi
- name: memory
  emptyDir:
    medium: Memory
    sizeLimit: 1Gi
{{- end }}
