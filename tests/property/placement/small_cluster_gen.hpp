// Random small clusters, and what the definitions say of them in the dumbest way: try everything.
#pragma once

#include <rapidcheck.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/model/spec.hpp"

namespace haven::dumb {

using Where = std::multimap<std::string, std::string>;  // resource -> host, as often as it is booked

// Both ends included, evenly: RapidCheck's own ranges start out narrow.
int between(int low, int high);

// 1 to `hosts` hosts, 1 to `vms` VMs, few rules, tight enough that about half of the questions are answered by no.
Spec any_spec(int hosts, int vms);
std::string described(const Spec& spec);

bool may_by_lists(const Resource& resource, const Host& host);
// All strict rules over what stands somewhere.
bool rules_kept(const Spec& spec, const Where& where);
bool fits(const Spec& spec, const Where& where, double overbook);

// Every way to put these resources on these hosts, by lists alone, until `accept` says yes. False: it never does.
bool any_assignment(const Spec& spec, const std::vector<std::string>& resources, const std::vector<std::string>& hosts,
                    const std::function<bool(const Where&)>& accept);

}  // namespace haven::dumb
