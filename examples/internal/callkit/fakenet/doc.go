// Package fakenet is a network in memory for a client and a server: a listener
// for signaling and two virtual hosts for media. Nothing in it touches a socket,
// so it works with the fake time of testing/synctest, where a real socket would
// bring time to a stop.
//
// In a bubble, make everything inside it, close everything before its end (a
// goroutine that is left fails the test) and do not use subtests.
package fakenet
