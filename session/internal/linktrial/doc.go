// Package linktrial holds detectors of dead links against histories of links in
// virtual time: a call over UDP and a signaling channel over a simplified TCP,
// on a path that loses, delays, bursts and has gaps, at a client that stalls,
// pauses and sleeps; and in the end real deaths. The same seed and the same
// watcher give the same score; other watchers see the same gaps, queues, stalls
// and deaths.
//
// It is a model, not a network: packets do not share bandwidth, one segment of a
// connection is on its way at a time, and a path is the same for both layers but
// for losses. What is learned here is checked on real stacks elsewhere.
package linktrial
