// Package v1alpha2 holds Go structs of the shape that templates see: the fields of LLMInferenceService v1alpha2
// (reference/api.md §2 and §3) under the names that Go's conventions give them.
package v1alpha2

import (
	"encoding/json"
	"net/url"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	poolv1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Root is what a template's dot is at the start.
type Root struct {
	*LLMInferenceService `json:",inline"`
	GlobalConfig         GlobalConfig `json:"globalConfig"`
	// Parallelism is the short form that the first documents of this project use.
	Parallelism *ParallelismSpec `json:"parallelism,omitempty"`
}

// GlobalConfig is the part of the global settings that templates may read.
type GlobalConfig struct {
	SystemNamespace             string `json:"systemNamespace"`
	IngressGatewayName          string `json:"ingressGatewayName"`
	IngressGatewayNamespace     string `json:"ingressGatewayNamespace"`
	EnableTLS                   bool   `json:"enableTLS"`
	ModelBasedRoutingHeaderName string `json:"modelBasedRoutingHeaderName"`
	InferencePoolNamespacedName string `json:"inferencePoolNamespacedName"`
}

type LLMInferenceService struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   LLMInferenceServiceSpec   `json:"spec,omitempty"`
	Status LLMInferenceServiceStatus `json:"status,omitempty"`
}

type LLMInferenceServiceSpec struct {
	Model              LLMModelSpec            `json:"model,omitempty"`
	StorageInitializer *StorageInitializerSpec `json:"storageInitializer,omitempty"`
	WorkloadSpec       `json:",inline"`
	Router             *RouterSpec                   `json:"router,omitempty"`
	Prefill            *WorkloadSpec                 `json:"prefill,omitempty"`
	Tracing            *TracingSpec                  `json:"tracing,omitempty"`
	BaseRefs           []corev1.LocalObjectReference `json:"baseRefs,omitempty"`
}

type StorageInitializerSpec struct {
	Enabled *bool `json:"enabled,omitempty"`
}

type LLMModelSpec struct {
	URI          URL               `json:"uri"`
	Name         *string           `json:"name,omitempty"`
	Confidential *ConfidentialSpec `json:"confidential,omitempty"`
	LoRA         *LoRASpec         `json:"lora,omitempty"`
}

type ConfidentialSpec struct {
	Enabled    bool   `json:"enabled"`
	ResourceID string `json:"resourceId,omitempty"`
}

type LoRASpec struct {
	Adapters       []LLMModelSpec `json:"adapters,omitempty"`
	MaxRank        *int32         `json:"maxRank,omitempty"`
	MaxAdapters    *int32         `json:"maxAdapters,omitempty"`
	MaxCPUAdapters *int32         `json:"maxCpuAdapters,omitempty"`
}

type WorkloadSpec struct {
	Replicas          *int32                 `json:"replicas,omitempty"`
	Scaling           *ScalingSpec           `json:"scaling,omitempty"`
	Parallelism       *ParallelismSpec       `json:"parallelism,omitempty"`
	Labels            map[string]string      `json:"labels,omitempty"`
	Annotations       map[string]string      `json:"annotations,omitempty"`
	Template          *corev1.PodSpec        `json:"template,omitempty"`
	Worker            *corev1.PodSpec        `json:"worker,omitempty"`
	KVCacheOffloading *KVCacheOffloadingSpec `json:"kvCacheOffloading,omitempty"`
	RolloutStrategy   *RolloutStrategySpec   `json:"rolloutStrategy,omitempty"`
}

type ParallelismSpec struct {
	Tensor      *int32 `json:"tensor,omitempty"`
	Pipeline    *int32 `json:"pipeline,omitempty"`
	Data        *int32 `json:"data,omitempty"`
	DataLocal   *int32 `json:"dataLocal,omitempty"`
	DataRPCPort *int32 `json:"dataRPCPort,omitempty"`
	Expert      bool   `json:"expert,omitempty"`
}

type ScalingSpec struct {
	MinReplicas *int32    `json:"minReplicas,omitempty"`
	MaxReplicas int32     `json:"maxReplicas"`
	WVA         *WVASpec  `json:"wva,omitempty"`
	KEDA        *KEDASpec `json:"keda,omitempty"`
}

type WVASpec struct {
	VariantCost string        `json:"variantCost,omitempty"`
	HPA         *HPASpec      `json:"hpa,omitempty"`
	KEDA        *KEDASettings `json:"keda,omitempty"`
}

type HPASpec struct {
	Behavior *autoscalingv2.HorizontalPodAutoscalerBehavior `json:"behavior,omitempty"`
}

type KEDASpec struct {
	KEDASettings `json:",inline"`
	Triggers     []ScaleTrigger `json:"triggers"`
}

type ScaleTrigger struct {
	Type              string             `json:"type"`
	Name              string             `json:"name,omitempty"`
	UseCachedMetrics  bool               `json:"useCachedMetrics,omitempty"`
	Metadata          map[string]string  `json:"metadata"`
	AuthenticationRef *AuthenticationRef `json:"authenticationRef,omitempty"`
	MetricType        string             `json:"metricType,omitempty"`
}

type AuthenticationRef struct {
	Name string `json:"name"`
	Kind string `json:"kind,omitempty"`
}

type KEDASettings struct {
	PollingInterval       *int32          `json:"pollingInterval,omitempty"`
	CooldownPeriod        *int32          `json:"cooldownPeriod,omitempty"`
	InitialCooldownPeriod *int32          `json:"initialCooldownPeriod,omitempty"`
	IdleReplicaCount      *int32          `json:"idleReplicaCount,omitempty"`
	Fallback              *Fallback       `json:"fallback,omitempty"`
	Advanced              *AdvancedConfig `json:"advanced,omitempty"`
}

type Fallback struct {
	FailureThreshold int32  `json:"failureThreshold"`
	Replicas         int32  `json:"replicas"`
	Behavior         string `json:"behavior,omitempty"`
}

type AdvancedConfig struct {
	HorizontalPodAutoscalerConfig *HorizontalPodAutoscalerConfig `json:"horizontalPodAutoscalerConfig,omitempty"`
	RestoreToOriginalReplicaCount bool                           `json:"restoreToOriginalReplicaCount,omitempty"`
	ScalingModifiers              ScalingModifiers               `json:"scalingModifiers,omitempty"`
}

type HorizontalPodAutoscalerConfig struct {
	Behavior *autoscalingv2.HorizontalPodAutoscalerBehavior `json:"behavior,omitempty"`
	Name     string                                         `json:"name,omitempty"`
}

type ScalingModifiers struct {
	Formula          string `json:"formula,omitempty"`
	Target           string `json:"target,omitempty"`
	ActivationTarget string `json:"activationTarget,omitempty"`
	MetricType       string `json:"metricType,omitempty"`
}

type KVCacheOffloadingSpec struct {
	CPU            resource.Quantity       `json:"cpu"`
	EvictionPolicy string                  `json:"evictionPolicy,omitempty"`
	Secondary      []SecondaryKVCacheStore `json:"secondary,omitempty"`
}

type SecondaryKVCacheStore struct {
	FileSystem *FileSystemStore `json:"fileSystem,omitempty"`
}

type FileSystemStore struct {
	EmptyDir *EmptyDirStore `json:"emptyDir,omitempty"`
	PVC      *PVCStore      `json:"pvc,omitempty"`
}

type EmptyDirStore struct {
	Size resource.Quantity `json:"size"`
}

type PVCStore struct {
	Spec *corev1.PersistentVolumeClaimSpec `json:"spec,omitempty"`
	Ref  *PVCRef                           `json:"ref,omitempty"`
}

type PVCRef struct {
	Name string `json:"name"`
	Path string `json:"path,omitempty"`
}

type RolloutStrategySpec struct {
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`
	MaxSurge       *intstr.IntOrString `json:"maxSurge,omitempty"`
}

type RouterSpec struct {
	Route     *RouteSpec     `json:"route,omitempty"`
	Gateway   *GatewaySpec   `json:"gateway,omitempty"`
	Ingress   *IngressSpec   `json:"ingress,omitempty"`
	Scheduler *SchedulerSpec `json:"scheduler,omitempty"`
}

type RouteSpec struct {
	HTTP   *HTTPRouteSpec `json:"http,omitempty"`
	Group  *string        `json:"group,omitempty"`
	Weight *int32         `json:"weight,omitempty"`
}

type HTTPRouteSpec struct {
	Refs []corev1.LocalObjectReference `json:"refs,omitempty"`
	Spec *gatewayv1.HTTPRouteSpec      `json:"spec,omitempty"`
}

type GatewaySpec struct {
	Refs []GatewayRef `json:"refs,omitempty"`
}

type GatewayRef struct {
	Name        gatewayv1.ObjectName   `json:"name,omitempty"`
	Namespace   gatewayv1.Namespace    `json:"namespace,omitempty"`
	SectionName *gatewayv1.SectionName `json:"sectionName,omitempty"`
}

type IngressSpec struct {
	Refs []IngressRef `json:"refs,omitempty"`
}

type IngressRef struct {
	Name      gatewayv1.ObjectName `json:"name,omitempty"`
	Namespace gatewayv1.Namespace  `json:"namespace,omitempty"`
}

type SchedulerSpec struct {
	Replicas    *int32               `json:"replicas,omitempty"`
	Labels      map[string]string    `json:"labels,omitempty"`
	Annotations map[string]string    `json:"annotations,omitempty"`
	Pool        *PoolSpec            `json:"pool,omitempty"`
	Template    *corev1.PodSpec      `json:"template,omitempty"`
	Config      *SchedulerConfigSpec `json:"config,omitempty"`
	Tokenizer   *TokenizerSpec       `json:"tokenizer,omitempty"`
}

type PoolSpec struct {
	Spec *poolv1.InferencePoolSpec    `json:"spec,omitempty"`
	Ref  *corev1.LocalObjectReference `json:"ref,omitempty"`
}

type SchedulerConfigSpec struct {
	Inline *runtime.RawExtension        `json:"inline,omitempty"`
	Ref    *corev1.ConfigMapKeySelector `json:"ref,omitempty"`
}

type TokenizerSpec struct {
	Template *corev1.PodSpec `json:"template,omitempty"`
}

type TracingSpec struct {
	ExporterEndpoint string `json:"exporterEndpoint,omitempty"`
	Sampler          string `json:"sampler,omitempty"`
	SamplerArg       string `json:"samplerArg,omitempty"`
	Exporter         string `json:"exporter,omitempty"`
}

type LLMInferenceServiceStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []Condition        `json:"conditions,omitempty"`
	Annotations        map[string]string  `json:"annotations,omitempty"`
	URL                *URL               `json:"url,omitempty"`
	Address            *Addressable       `json:"address,omitempty"`
	Addresses          []SourcedAddress   `json:"addresses,omitempty"`
	Router             *RouterStatus      `json:"router,omitempty"`
	Workloads          *WorkloadsStatus   `json:"workloads,omitempty"`
	AppliedConfigRefs  []AppliedConfigRef `json:"appliedConfigs,omitempty"`
}

type Condition struct {
	Type               string                 `json:"type"`
	Status             corev1.ConditionStatus `json:"status"`
	Severity           string                 `json:"severity,omitempty"`
	LastTransitionTime metav1.Time            `json:"lastTransitionTime,omitempty"`
	Reason             string                 `json:"reason,omitempty"`
	Message            string                 `json:"message,omitempty"`
}

type Addressable struct {
	Name     *string `json:"name,omitempty"`
	URL      *URL    `json:"url,omitempty"`
	CACerts  *string `json:"CACerts,omitempty"`
	Audience *string `json:"audience,omitempty"`
}

type SourcedAddress struct {
	Addressable `json:",inline"`
	Origin      *gatewayv1.ObjectReference `json:"origin,omitempty"`
	Models      []ModelName                `json:"models,omitempty"`
}

type ModelName struct {
	Name string `json:"name"`
}

type RouterStatus struct {
	Gateways  []GatewayStatus  `json:"gateways,omitempty"`
	Scheduler *SchedulerStatus `json:"scheduler,omitempty"`
	Group     *GroupStatus     `json:"group,omitempty"`
}

type GatewayStatus struct {
	gatewayv1.ObjectReference `json:",inline"`
	Listeners                 []gatewayv1.SectionName     `json:"listeners,omitempty"`
	HTTPRoutes                []gatewayv1.ObjectReference `json:"httpRoutes,omitempty"`
}

type SchedulerStatus struct {
	InferencePool *gatewayv1.ObjectReference `json:"inferencePool,omitempty"`
	Service       *gatewayv1.ObjectReference `json:"service,omitempty"`
}

type GroupStatus struct {
	Name    string        `json:"name"`
	Members []GroupMember `json:"members,omitempty"`
}

type GroupMember struct {
	Name       string                            `json:"name"`
	Weight     int32                             `json:"weight"`
	Stopped    bool                              `json:"stopped,omitempty"`
	BackendRef *gatewayv1.BackendObjectReference `json:"backendRef,omitempty"`
}

type WorkloadsStatus struct {
	Primary   *WorkloadStatus                   `json:"primary,omitempty"`
	Prefill   *WorkloadStatus                   `json:"prefill,omitempty"`
	Scheduler *WorkloadStatus                   `json:"scheduler,omitempty"`
	Service   *corev1.TypedLocalObjectReference `json:"service,omitempty"`
}

type WorkloadStatus struct {
	corev1.TypedLocalObjectReference `json:",inline"`
	ReadyReplicas                    int32 `json:"readyReplicas,omitempty"`
}

type AppliedConfigRef struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Source    string `json:"source"`
}

// URL is a parsed URL that is a string in JSON.
type URL url.URL

func (u *URL) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	parsed, err := url.Parse(text)
	if err != nil {
		return err
	}
	*u = URL(*parsed)
	return nil
}

func (u URL) MarshalJSON() ([]byte, error) { return json.Marshal(u.String()) }

// String is empty for a nil URL.
func (u *URL) String() string {
	if u == nil {
		return ""
	}
	return (*url.URL)(u).String()
}

// IsDataParallel says whether data parallelism is configured.
func (p *ParallelismSpec) IsDataParallel() bool {
	return p != nil && (p.Data != nil || p.DataLocal != nil)
}

// IsPipelineParallel says whether pipeline parallelism is configured.
func (p *ParallelismSpec) IsPipelineParallel() bool {
	return p != nil && p.Pipeline != nil
}

// GetSize is the number of pods of a group (reference/api.md §8.2), nil for none.
func (p *ParallelismSpec) GetSize() *int32 {
	switch {
	case p.IsDataParallel():
		size := max(orOne(p.Data)/orOne(p.DataLocal), 1)
		return &size
	case p.IsPipelineParallel():
		return p.Pipeline
	default:
		return nil
	}
}

func orOne(value *int32) int32 {
	if value == nil {
		return 1
	}
	return max(*value, 1)
}
