package status

// row holds what is fixed about a code. Every field of every row of table is
// set deliberately; the tests reject a row without a name or a text.
type row struct {
	name     string // the reference's name, and the name of the constant
	terminal bool   // T: never retried
	failure  bool   // F
	audio    bool   // A: counts as a failure to connect audio
	told     Told
	audience Audience
	layer    Layer
	detail   string // for logs
	user     string // for end users
}

// The general sentences: what an end user may be shown when the particulars
// are of no use to them.
const (
	userContinues = "The call continues."
	userTrouble   = "There is a problem with the connection to the call."
	userFault     = "The call has ended because of a technical problem."
	userEnded     = "The call has ended."
)

// table is the single source of the properties of the codes, indexed by code
// (reference, status codes). Its length follows the last constant: a row beyond
// it does not compile. A test compares the constants with the rows and finds a
// constant without a row, and a row with a gap in it.
var table = [EncodedTransformManagerFailed + 1]row{
	OK: {
		name: "OK", told: ToldInternal, layer: LayerUnknown,
		detail: "nothing is wrong",
		user:   userContinues,
	},
	Left: {
		name: "Left", terminal: true, told: ToldStop, layer: LayerClient,
		detail: "the application stopped the session",
		user:   userEnded,
	},
	AudioJoinedFromAnotherDevice: {
		name: "AudioJoinedFromAnotherDevice", terminal: true,
		told: ToldStop, audience: Always, layer: LayerMedia,
		detail: "another device, tab or process joined with the same credentials",
		user:   "You joined this meeting from another device.",
	},
	AudioAuthenticationRejected: {
		name: "AudioAuthenticationRejected", terminal: true, failure: true, audio: true,
		told: ToldStop, layer: LayerSignaling,
		detail: "the credentials fit no attendee; check the service that issues them",
		user:   userFault,
	},
	AudioCallAtCapacity: {
		name: "AudioCallAtCapacity", terminal: true, failure: true,
		told: ToldStop, audience: Always, layer: LayerSignaling,
		detail: "the meeting has no room for another attendee",
		user:   "This meeting is full.",
	},
	MeetingEnded: {
		name: "MeetingEnded", terminal: true,
		told: ToldStop, audience: Always, layer: LayerSignaling,
		detail: "the meeting is over",
		user:   "This meeting has ended.",
	},
	AudioInternalServerError: {
		name: "AudioInternalServerError", failure: true, audio: true,
		told: ToldStop, layer: LayerMedia,
		detail: "the audio service or an audio device had an internal fault",
		user:   userTrouble,
	},
	AudioServiceUnavailable: {
		name: "AudioServiceUnavailable", failure: true, audio: true,
		told: ToldStop, layer: LayerMedia,
		detail: "the audio service cannot serve at the moment",
		user:   userTrouble,
	},
	AudioDisconnected: {
		name: "AudioDisconnected", terminal: true, failure: true,
		told: ToldStop, layer: LayerMedia,
		detail: "the audio service disconnected the attendee for good",
		user:   userFault,
	},
	VideoCallSwitchToViewOnly: {
		name: "VideoCallSwitchToViewOnly", told: ToldInternal, layer: LayerSignaling,
		detail: "the service lets this client receive video, not send it",
		user:   userContinues,
	},
	VideoCallAtSourceCapacity: {
		name: "VideoCallAtSourceCapacity", terminal: true, failure: true,
		told: ToldInternal, layer: LayerSignaling,
		detail: "the service has no room for a client that only sends video",
		user:   userFault,
	},
	SignalingBadRequest: {
		name: "SignalingBadRequest", terminal: true, failure: true, audio: true,
		told: ToldStop, layer: LayerSignaling,
		detail: "the service refused signaling: attendee deleted, or its meeting over",
		user:   userFault,
	},
	SignalingInternalServerError: {
		name: "SignalingInternalServerError", failure: true, audio: true,
		told: ToldStop, audience: WhileReconnecting, layer: LayerSignaling,
		detail: "a server fault prevented or broke signaling; the network may be behind it",
		user:   "Your network connection is unstable.",
	},
	SignalingRequestFailed: {
		name: "SignalingRequestFailed", terminal: true, failure: true, audio: true,
		told: ToldStop, layer: LayerSignaling,
		detail: "the service answered without a usable status or body",
		user:   userFault,
	},
	SignalingChannelClosedUnexpectedly: {
		name: "SignalingChannelClosedUnexpectedly", failure: true,
		told: ToldStop, layer: LayerSignaling,
		detail: "the signaling socket went away; a network change is the usual cause",
		user:   userTrouble,
	},
	ICEGatheringTimeoutWorkaround: {
		name: "ICEGatheringTimeoutWorkaround", failure: true, audio: true,
		told: ToldStop, layer: LayerMedia,
		detail: "no ICE candidate was found in time; a VPN change can do this",
		user:   userTrouble,
	},
	ConnectionHealthReconnect: {
		name: "ConnectionHealthReconnect", failure: true,
		told: ToldStop, layer: LayerClient,
		detail: "the health policy wants a new connection",
		user:   userTrouble,
	},
	RealtimeApiFailed: {
		name: "RealtimeApiFailed", terminal: true, failure: true, audio: true,
		told: ToldStop, layer: LayerClient,
		detail: "application code failed inside a callback",
		user:   userFault,
	},
	TaskFailed: {
		name: "TaskFailed", failure: true, told: ToldStop, layer: LayerUnknown,
		detail: "a step of connecting failed",
		user:   userTrouble,
	},
	IncompatibleSDP: {
		name: "IncompatibleSDP", told: ToldInternal, layer: LayerMedia,
		detail: "the media negotiation failed",
		user:   userContinues,
	},
	TURNCredentialsForbidden: {
		name: "TURNCredentialsForbidden", terminal: true,
		told: ToldStop, layer: LayerMedia,
		detail: "the TURN server refused the credentials: the meeting is over",
		user:   userEnded,
	},
	NoAttendeePresent: {
		name: "NoAttendeePresent", failure: true, audio: true,
		told: ToldStop, layer: LayerSignaling,
		detail: "the attendee was not on the roster in time",
		user:   userTrouble,
	},
	AudioAttendeeRemoved: {
		name: "AudioAttendeeRemoved", terminal: true,
		told: ToldStop, audience: Always, layer: LayerMedia,
		detail: "the application's server removed the attendee",
		user:   "You were removed from this meeting.",
	},
	AudioVideoWasRemovedFromPrimaryMeeting: {
		name: "AudioVideoWasRemovedFromPrimaryMeeting", told: ToldDemote, layer: LayerSignaling,
		detail: "the primary meeting revoked the attendee's credentials",
		user:   userContinues,
	},
	AudioVideoDisconnectedWhilePromoted: {
		name: "AudioVideoDisconnectedWhilePromoted", told: ToldDemote, layer: LayerClient,
		detail: "a disconnection demoted the attendee; it has to be promoted anew",
		user:   userContinues,
	},
	AudioDisconnectAudio: {
		name: "AudioDisconnectAudio", told: ToldInternal, layer: LayerMedia,
		detail: "reserved by the service; nothing follows from it",
		user:   userContinues,
	},
	EncodedTransformManagerFailed: {
		name: "EncodedTransformManagerFailed", told: ToldStop, layer: LayerMedia,
		detail: "a worker that transforms encoded media failed",
		user:   userTrouble,
	},
}

// unknown holds the properties of every code that table does not list: a
// failure, so that it is acted upon, but not a final one, so that the retry
// budget decides when to give up (G13).
var unknown = row{
	failure: true, told: ToldInternal, layer: LayerUnknown,
	detail: "a code that this version does not know",
	user:   userTrouble,
}
