package health_test

import (
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/health"
)

// A minute of a call whose media stops after twenty seconds.
func Example() {
	var monitor health.Monitor
	reconnection := health.NewReconnection(health.ReconnectionConfig{})

	monitor.Start(0)
	for second := 1; second <= 60; second++ {
		now := time.Duration(second) * time.Second
		monitor.Sample(now, health.Sample{
			AudioPacketsReceived: health.Some(50),
			AudioLoss:            health.Some(0),
			BytesReceived:        uint64(min(second, 20)) * 8000,
		})
		if healthy, changed := reconnection.Evaluate(now, monitor.Data()); changed {
			fmt.Println(now, "healthy:", healthy, "-", reconnection.Reason(monitor.Data()))
		}
	}
	// Output:
	// 45s healthy: false - no inbound packets for 25 samples
}

func ExampleVideo_Add() {
	v := health.Video{Started: true}
	v.Add(health.Upstream{EncodeTime: 200, InputFPS: 30, EncodedFPS: 30})
	v.Add(health.Upstream{EncodeTime: 80, InputFPS: 15, EncodedFPS: 15})
	fmt.Println(v.Streams, v.EncodeTime, v.EncodedFPS)
	// Output:
	// 2 280 45
}

func ExampleUnusableAudio() {
	var monitor health.Monitor
	audio := health.NewUnusableAudio(health.UnusableAudioConfig{Samples: 3})

	for second, packets := range []float64{50, 50, 30, 20, 10} {
		now := time.Duration(second) * time.Second
		monitor.Sample(now, health.Sample{AudioPacketsReceived: health.Some(packets), AudioLoss: health.Some(0)})
		if healthy, changed := audio.Evaluate(now, monitor.Data()); changed {
			fmt.Println(now, "healthy:", healthy)
		}
	}
	// Output:
	// 4s healthy: false
}

// lossy is a policy of an application: more than a tenth of the audio lost, on
// the average of three reports, is bad.
type lossy struct{ bad bool }

func (p *lossy) Evaluate(_ time.Duration, d *health.Data) (healthy, changed bool) {
	bad := d.AudioLoss.Len() >= 3 && d.AudioLoss.Sum(3) > 3*10
	changed, p.bad = bad != p.bad, bad
	return !bad, changed
}

// Reason is optional: words for logs and events.
func (p *lossy) Reason(d *health.Data) string {
	return fmt.Sprintf("%.0f%% of the audio lost", d.AudioLoss.Sum(3)/3)
}

func ExampleCustomPolicy() {
	config := health.Config{ // Health in the session's config
		Custom: []health.CustomPolicy{{Name: "lossy", New: func() health.Policy { return new(lossy) }, Reconnect: true}},
	}
	fmt.Println("errors:", config.Validate())

	// A session does the rest, as follows: it tells of each change and, after one
	// to unhealthy, reconnects.
	var monitor health.Monitor
	policy := config.Custom[0].New()
	for second, loss := range []float64{0, 0, 5, 20, 40, 0, 0, 0} {
		now := time.Duration(second) * time.Second
		monitor.Sample(now, health.Sample{AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(loss)})
		if healthy, changed := policy.Evaluate(now, monitor.Data()); changed {
			fmt.Println(now, "healthy:", healthy, "-", policy.(health.Reasoner).Reason(monitor.Data()))
		}
	}
	// Output:
	// errors: <nil>
	// 4s healthy: false - 22% of the audio lost
	// 7s healthy: true - 0% of the audio lost
}

func ExamplePinger() {
	pinger := health.NewPinger(10 * time.Second)
	pinger.Start(0)
	for range 3 {
		now, _ := pinger.Due()
		id, _, missed := pinger.Tick(now)
		fmt.Println(now, "ping", id, "missed:", missed)
		if id == 1 { // the other pings get no answer
			rtt, _ := pinger.Pong(id, now+80*time.Millisecond)
			fmt.Println("answered after", rtt)
		}
	}
	// Output:
	// 0s ping 1 missed: false
	// answered after 80ms
	// 10s ping 2 missed: false
	// 20s ping 3 missed: true
}

func ExampleConfig_Validate() {
	c := health.Config{UnusableAudio: health.UnusableAudioConfig{Samples: 61, Loss: 1.5}}
	fmt.Println(c.Validate())
	// Output:
	// UnusableAudio.Samples: got 61, want a number from 1 to 60, or 0 for the default
	// UnusableAudio.Loss: got 1.5, want a share up to 1, 0 for the default, or negative for off
}
