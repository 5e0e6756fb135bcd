package main

import (
	"fmt"
	"math"
	"math/rand"
	"strings"
)

// Synthetic series of model servers and endpoint pickers: made up, the same at each run, with shapes that a reader would
// meet. Nothing here was measured.

// served is a service that serves a model.
type served struct {
	name, model     string
	decode, prefill int
	requests        float64 // per second and pod
	first, between  float64 // median seconds to the first token and between tokens
	prompt, answer  float64 // mean tokens
	cached          float64 // share of prompt tokens
	burst           bool    // twice the load in the middle
	picker, precise bool
}

var services = []served{
	{name: "basic-llm", model: "meta-llama/Llama-3-8B", decode: 2, requests: 3, first: 0.12, between: 0.012, prompt: 600, answer: 180, cached: 0.35},
	{name: "qwen-25-7b", model: "Qwen/Qwen2.5-7B-Instruct", decode: 3, requests: 4, first: 0.09, between: 0.010, prompt: 900, answer: 220, cached: 0.55, picker: true},
	{name: "llama-70b", model: "meta-llama/Llama-3.1-70B", decode: 3, prefill: 2, requests: 2.2, first: 0.35, between: 0.022, prompt: 2400, answer: 260, cached: 0.6, burst: true, picker: true, precise: true},
	{name: "deepseek-r1", model: "deepseek-ai/DeepSeek-R1", decode: 4, requests: 1.1, first: 0.6, between: 0.031, prompt: 1500, answer: 640, cached: 0.25, picker: true},
}

type maker struct {
	random *rand.Rand
	steps  int
	data   *Data
	err    error
}

// synthesize adds the series of all services to data.
func synthesize(data *Data, steps int) error {
	m := &maker{random: rand.New(rand.NewSource(7)), steps: steps, data: data}
	for _, service := range services {
		m.service(service)
	}
	return m.err
}

// load is what a pod has to do at a step, 1 as usual.
func (m *maker) load(s served, phase float64) []float64 {
	load := make([]float64, m.steps)
	for i := range load {
		x := float64(i) / float64(m.steps)
		load[i] = 1 + 0.2*math.Sin(6*x+phase) + 0.08*m.random.NormFloat64()
		if s.burst && x > 0.4 && x < 0.75 {
			load[i] += 1.1 * math.Sin(math.Pi*(x-0.4)/0.35)
		}
		load[i] = math.Max(0.1, load[i])
	}
	return load
}

func (m *maker) service(s served) {
	var pods []string
	total := make([]float64, m.steps)
	waiting := make([]float64, m.steps)
	usage := make([]float64, m.steps)
	for pod := 0; pod < s.decode+s.prefill; pod++ {
		role, suffix := "decode", "kserve"
		if s.prefill == 0 {
			role = "both"
		} else if pod >= s.decode {
			role, suffix = "prefill", "kserve-prefill"
		}
		name := fmt.Sprintf("%s-%s-%s", s.name, suffix, code(m.random))
		pods = append(pods, name)
		load := m.load(s, float64(pod))
		w, u := m.pod(s, name, role, load)
		if role != "prefill" {
			for i := range total {
				total[i] += load[i] * s.requests
				waiting[i] += w[i] / float64(s.decode)
				usage[i] += u[i] / float64(s.decode)
			}
		}
	}
	if s.picker {
		m.picker(s, total, waiting, usage)
	}
}

func code(random *rand.Rand) string {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	var text strings.Builder
	for range 5 {
		text.WriteByte(letters[random.Intn(len(letters))])
	}
	return text.String()
}

// pod adds the series of a model server; the result is what waits in it, and how full its KV cache is.
func (m *maker) pod(s served, pod, role string, load []float64) (waiting, usage []float64) {
	target := fmt.Sprintf(`namespace="demo",pod="%s",job="demo/%s",llm_isvc_name="%s",llm_isvc_role="%s"`, pod, s.name, s.name, role)
	labels := target + fmt.Sprintf(`,model_name="%s",engine="0"`, s.model)
	answer := s.answer
	if role == "prefill" {
		answer = 1
	}
	seconds := s.first + answer*s.between
	n := m.steps
	running, rate := make([]float64, n), make([]float64, n)
	waiting, usage = make([]float64, n), make([]float64, n)
	first, between, whole, queue := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	preempted := make([]float64, n)
	for i, l := range load {
		rate[i] = l * s.requests
		running[i] = math.Round(rate[i] * seconds)
		usage[i] = math.Min(0.98, 0.12+0.42*l+0.01*m.random.NormFloat64())
		over := math.Max(0, l-1.6)
		waiting[i] = math.Round(over * 14)
		preempted[i] = over * 0.25
		queue[i] = 0.004 + over*0.9
		first[i] = s.first*(0.8+0.25*l) + queue[i]
		between[i] = s.between * (0.7 + 0.3*l)
		whole[i] = first[i] + answer*between[i]
	}
	m.gauge("up", target, ones(n))
	m.gauge("vllm:num_requests_running", labels, running)
	m.gauge("vllm:num_requests_waiting", labels, waiting)
	m.gauge("vllm:kv_cache_usage_perc", labels, usage)
	m.counter("vllm:num_preemptions_total", labels, preempted)
	for _, end := range []struct {
		reason string
		share  float64
	}{{"stop", 0.86}, {"length", 0.125}, {"abort", 0.015}} {
		m.counter("vllm:request_success_total", labels+`,finished_reason="`+end.reason+`"`, m.noisy(times(rate, end.share), 0.25))
	}
	m.counter("vllm:prompt_tokens_total", labels, times(rate, s.prompt))
	m.counter("vllm:generation_tokens_total", labels, times(rate, answer))
	m.counter("vllm:prefix_cache_queries_total", labels, times(rate, s.prompt))
	m.counter("vllm:prefix_cache_hits_total", labels, m.noisy(times(rate, s.prompt*s.cached), 0.1))
	m.histogram("vllm:time_to_first_token_seconds", labels, rate, first, 0.5, fine)
	m.histogram("vllm:inter_token_latency_seconds", labels, times(rate, answer), between, 0.35, fine)
	m.histogram("vllm:e2e_request_latency_seconds", labels, rate, whole, 0.6, coarse)
	m.histogram("vllm:request_queue_time_seconds", labels, rate, queue, 0.8, fine)
	m.histogram("vllm:request_prefill_time_seconds", labels, rate, constant(n, s.first), 0.5, fine)
	m.histogram("vllm:request_decode_time_seconds", labels, rate, times(between, answer), 0.6, coarse)
	m.histogram("vllm:request_prompt_tokens", labels, rate, m.noisy(constant(n, s.prompt), 0.1), 0.7, lengths)
	m.histogram("vllm:request_generation_tokens", labels, rate, m.noisy(constant(n, answer), 0.1), 0.7, lengths)
	if s.prefill > 0 && role == "decode" {
		m.histogram("vllm:nixl_xfer_time_seconds", labels, rate, times(load, 0.011), 0.4, fine)
		m.histogram("vllm:nixl_bytes_transferred", labels, rate, m.noisy(constant(n, s.prompt*131072), 0.1), 0.6, sizes)
		m.counter("vllm:nixl_num_failed_transfers_total", labels, burst(n, 0.55, 0.62, 0.02))
	}
	return waiting, usage
}

func (m *maker) picker(s served, rate, waiting, usage []float64) {
	n := m.steps
	target := fmt.Sprintf(`namespace="demo",pod="%s-kserve-router-scheduler-%s",job="demo/%s-scheduler",llm_isvc_name="%s",llm_isvc_role="scheduler"`,
		s.name, code(m.random), s.name, s.name)
	model := target + fmt.Sprintf(`,model_name="%s"`, s.model)
	seconds := s.first + s.answer*s.between
	held, saturation := make([]float64, n), make([]float64, n)
	for i := range rate {
		l := rate[i] / s.requests / float64(s.decode)
		saturation[i] = math.Min(1.1, 0.45*l)
		held[i] = math.Round(40 * math.Max(0, l-1.8))
	}
	m.counter("llm_d_epp_request_total", model, rate)
	m.counter("llm_d_epp_request_error_total", model, m.noisy(times(rate, 0.006), 0.5))
	m.histogram("llm_d_epp_request_duration_seconds", model, rate, times(rate, seconds/rate[0]), 0.6, coarse)
	m.histogram("llm_d_epp_request_ttft_seconds", model, rate, times(rate, 1.1*s.first/rate[0]), 0.6, fine)
	m.gauge("llm_d_epp_request_running", model, round(times(rate, seconds)))
	m.histogram("llm_d_epp_scheduler_e2e_duration_seconds", target, rate, m.noisy(constant(n, 0.0011), 0.3), 0.6, quick)
	m.histogram("llm_d_epp_plugin_duration_seconds", target, times(rate, 5), m.noisy(constant(n, 0.0002), 0.3), 0.9, quick)
	m.gauge("llm_d_epp_ready_endpoints", target, constant(n, float64(s.decode+s.prefill)))
	m.gauge("llm_d_epp_average_kv_cache_utilization", target, usage)
	m.gauge("llm_d_epp_average_queue_size", target, waiting)
	m.gauge("llm_d_epp_flow_control_queue_size", model, held)
	m.gauge("llm_d_epp_flow_control_pool_saturation", target, saturation)
	m.histogram("llm_d_epp_flow_control_request_queue_duration_seconds", model, rate, plus(times(held, 0.05), 0.0008), 0.7, fine)
	m.counter("llm_d_epp_datalayer_poll_errors_total", target, burst(n, 0.2, 0.24, 0.2))
	m.counter("llm_d_epp_datalayer_extract_errors_total", target, constant(n, 0))
	if s.prefill > 0 {
		m.counter("llm_d_epp_pd_decision_total", target+`,decision_type="prefill-decode"`, times(rate, 0.7))
		m.counter("llm_d_epp_pd_decision_total", target+`,decision_type="decode-only"`, times(rate, 0.3))
	}
	if s.precise {
		m.index(s, target, rate)
	}
}

func (m *maker) index(s served, target string, rate []float64) {
	const index, events = "llm_d_epp_kv_cache_index_", "llm_d_epp_kv_cache_events_"
	n := m.steps
	m.counter(index+"lookup_requests_total", target, rate)
	m.counter(index+"lookup_hits_total", target, m.noisy(times(rate, s.cached+0.15), 0.08))
	m.histogram(index+"lookup_latency_seconds", target, rate, m.noisy(constant(n, 0.0016), 0.3), 0.8, fine)
	m.counter(index+"admissions_total", target, m.noisy(times(rate, 38), 0.1))
	m.counter(index+"evictions_total", target, m.noisy(times(rate, 12), 0.2))
	m.counter(events+"messages_received_total", target, m.noisy(times(rate, 5), 0.1))
	m.gauge(events+"pool_queue_depth", target, round(times(rate, 2)))
	m.counter(events+"subscriber_reconnections_total", target, burst(n, 0.3, 0.33, 0.05))
	m.counter(events+"zmq_errors_total", target, constant(n, 0))
}
