// Package v2beta1 has the types of allocatedIPs under the names that encoding/json puts into its errors.
package v2beta1

// PoolIPAllocations is the whole field.
type PoolIPAllocations map[string]PoolIPAllocation

// PoolIPAllocation is one record.
type PoolIPAllocation struct {
	NamespacedName string `json:"pod"`
	PodUID         string `json:"podUid"`
}
