// Package health turns evidence about a connection into verdicts: is it alive,
// and can the user still be understood and hear?
//
// Evidence comes in as a [Sample] about once a second, as answered or missed
// pings, and as signal strength. A [Monitor] condenses it into [Data], and
// policies judge the data: [Reconnection] says when only a reconnect can help,
// [UnusableAudio] when the audio that arrives is too thin to follow,
// [SendingAudio] when none leaves any more; [VideoCPU], [VideoFrameRate] and
// [ConcurrentSenders] say when to send less video. [CustomPolicy] adds the
// application's own. [Pinger] decides when pings go out and which answers count.
// A [Detector] finds dead links within seconds, by asking both layers and holding
// what they say together; [Config.WorstCaseDetection] has its bounds. What to do
// about a verdict is not decided here.
//
// Everything is pure and deterministic: nothing reads a clock, starts a
// goroutine, takes a lock or keeps a reference to its arguments. Time is an
// argument, a time.Duration on one monotonic clock whose origin is the caller's
// choice. Every type is a plain value that assigning copies, except that a
// [Window], and so [Data] and [Monitor], shares its values until it is cloned.
// Nothing is safe for concurrent use without a lock of the caller's, except
// that constants, configurations and other values may be read by many
// goroutines while none writes. No input panics, however absurd: clocks that
// run backwards, falling totals, NaN and infinities all have a defined result.
// Sampling and evaluating do not allocate after the first sample.
//
// # Configuration
//
// In [Config] a zero stands for the default, so the zero Config is the
// reference's behaviour. What a negative value means is listed here; a value
// that is neither is refused by [Config.Validate] with the name of its field.
//
//	field                                 default  negative
//	Reconnection.Wait                     10s      no wait
//	Reconnection.NoPackets                25       condition off
//	Reconnection.MissedPongs              4        condition off
//	Reconnection.SpeakerDelay             60s      condition off
//	Reconnection.SpeakerDelayEvaluations  10       none tolerated: the first one counts
//	UnusableAudio.Cooldown                60s      no cooldown
//	UnusableAudio.Samples                 15       error (1 to 60)
//	UnusableAudio.Loss                    0.5      policy off (above 1, NaN: error)
//	UnusableAudio.PacketsPerSample        50       error (infinite, NaN too)
//	UnusableAudio.Warnings                2        no limit
//	SendingAudio.Wait                     3s       no wait
//	SendingAudio.Samples                  2        policy off
//	SendingAudio.Cooldown                 60s      no cooldown
//	SendingAudio.Warnings                 2        no limit
//	VideoCPU.Evaluations                  10       policy off
//	VideoCPU.EncodeTime                   500ms    condition off: only CPU-limited time counts
//	VideoCPU.EncodeTimePerFrame           15ms     any time per frame will do
//	VideoFrameRate.Evaluations            5        policy off
//	ConcurrentSenders.Sources             15       policy off
//	Detector.ProbeEvery                   300ms    no media probes (more than half of Suspicion: error)
//	Detector.ProbeFast                    100ms    error (at least 10ms)
//	Detector.ProbeTimeout                 1.5s     error (at least 10ms)
//	Detector.PingIdle                     1s       no pings of its own: signaling is never found dead
//	Detector.Suspicion                    1s       error
//	Detector.MediaSilence                 2.6s     error (more than Suspicion)
//	Detector.QuietMediaSilence            6s       error (more than Suspicion)
//	Detector.SignalingSilence             3.6s     error (more than Suspicion)
//	Detector.BothSilence                  4s       error (more than Suspicion)
//	Detector.CleanFor                     60s      error
//	Detector.LateTick                     600ms    error
package health
