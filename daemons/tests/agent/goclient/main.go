// Calls the agent on a socket with the HTTP client of Go's standard library and prints what it gets.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
)

const add = `{"containerID":"c1","ifName":"eth0","netNamespace":"/n","podName":"web-0","podNamespace":"t","podUID":"u"}`

func call(client *http.Client, name, method, url, host string, body io.Reader) {
	reused := ""
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if info.Reused {
			reused = "reused"
		}
	}}
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), method, url, body)
	if err != nil {
		fail(name, err)
	}
	request.Host = host
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(request)
	if err != nil {
		fail(name, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		fail(name, err)
	}
	parts := []string{fmt.Sprint(response.StatusCode)}
	if kind := response.Header.Get("Content-Type"); kind != "" {
		parts = append(parts, kind)
	}
	fmt.Printf("%s: %s %q %s\n", name, strings.Join(parts, " "), text, reused)
}

func fail(name string, err error) {
	fmt.Fprintln(os.Stderr, name, err)
	os.Exit(1)
}

func main() {
	socket := os.Args[1]
	dial := func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", socket) }
	// As the original's client does: a connection for each request.
	once := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	call(once, "healthy", "GET", "http://localhost/v1/ipam/healthy", "", nil)
	kept := &http.Client{Transport: &http.Transport{DialContext: dial}}
	call(kept, "add", "POST", "http://localhost/v1/ipam/ip", "", strings.NewReader(add))
	call(kept, "again", "POST", "http://localhost/v1/ipam/ip", "", strings.NewReader(add))
	call(kept, "coordinator, body on GET", "GET", "http://localhost/v1/coordinator/config", "", strings.NewReader("{}"))
	// A reader of unknown length is sent in chunks.
	call(kept, "streamed", "DELETE", "http://localhost/v1/ipam/ip", "", io.MultiReader(strings.NewReader(add)))
	call(once, "host of the socket's path", "GET", "http://localhost/v1/ipam/healthy", socket, nil)
}
