package linkhistory

// Baselines are the detectors that others use, by name.
func Baselines() map[string]func() Watcher {
	return map[string]func() Watcher{
		"reference":        Reference,
		"ping-and-ice":     PingAndICE,
		"ice-disconnected": ICEDisconnected,
		"silence":          Silence,
	}
}
