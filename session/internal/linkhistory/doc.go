// Package linkhistory tries detectors of dead links: it makes histories of links
// in virtual time and drives any detector through them, and scores it.
//
// A history has a client and a server. Between them are two independent
// directions, and over them go media (RTP, RTCP and STUN over UDP) and signaling
// (a WebSocket over a simplified TCP). What befalls path and client depends on the
// [Family]: loss, bursts, jitter, full buffers, gaps, stalls, pauses, sleep,
// stepping clocks, and at last a death. The same seed gives the same history to
// every detector, and the same score to the same detector.
//
// It is a model. Packets do not compete for bandwidth, the server is tolerant
// (no pause makes it give up the client, except where a history says that the
// link is dead), and the path has no memory between links.
package linkhistory
