// libcni-gc runs GC as a runtime does: real libcni, told which attachments are still valid. cnitool cannot name any.
//
//	CNI_PATH=DIR:DIR libcni-gc CONFLIST [CONTAINER/IFNAME ...]
package main

import (
	"context"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
)

func main() {
	list, err := libcni.ConfListFromFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	// Not nil even when nothing is valid: nil would say that the runtime does not know.
	valid := []types.GCAttachment{}
	for _, argument := range os.Args[2:] {
		container, ifname, found := strings.Cut(argument, "/")
		if !found {
			log.Fatalf("%s: want CONTAINER/IFNAME", argument)
		}
		valid = append(valid, types.GCAttachment{ContainerID: container, IfName: ifname})
	}
	cni := libcni.NewCNIConfig(filepath.SplitList(os.Getenv("CNI_PATH")), nil)
	if err := cni.GCNetworkList(context.Background(), list, &libcni.GCArgs{ValidAttachments: valid}); err != nil {
		log.Fatal(err)
	}
}
