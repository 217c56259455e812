// Where one resource may run, and where best: filter, then score (DESIGN 6).
//
// A Placement is a ledger of who uses what where. The caller fills it with what is claimed, asks for hosts in order of
// priority and books each answer before it asks for the next. The answer names a host or, for each host, the reason why
// not. Choosing is deterministic: ties break by name, and nothing here depends on the order of booking but the capacity
// left.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/spec.hpp"
#include "core/placement/room.hpp"

namespace haven {

// A host as the caller sees it now. reason: empty if it may take resources, else why not, as one clause ("fenced").
struct HostView {
  HostName name;
  std::string reason;
  Footprint others{};  // what runs there besides and leaves so much less
};

struct Refusal {
  HostName host;
  std::string reason;  // "memory: needs 4096 MiB, 1024 MiB free"
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

// Where a host was chosen, the reasons of others are told of this many hosts only, the first of the file: they are
// written down beside the claim, and nobody reads a longer list.
inline constexpr std::size_t kRefusalsOfTheChosen = 64;

// Either a host, or a reason for each host of the spec, in the file's order.
struct Choice {
  std::optional<HostName> host;
  std::vector<Refusal> refusals;  // also filled for hosts that were out when another was chosen
};

// What is asked of somebody who stands in the way on a host.
enum class Yields {
  never,
  if_told,  // it runs there, and can be stopped in good order
  leaving,  // it is being stopped there already
};
using YieldsTo = std::function<Yields(const ResourceName& resource, const HostName& host)>;

// A host, and who is to be stopped there (or too near) so that a resource may stand on it.
struct Eviction {
  HostName host;
  std::vector<ResourceName> victims;  // most important first; empty: it is enough to wait for those that leave
  std::vector<ResourceName> leaving;
};

// One of several that are to be placed at once.
struct Wanted {
  ResourceName resource;
  std::vector<Refusal> avoid;
  Occasion occasion = Occasion::start;
};

struct Roster;

class Placement {
 public:
  // `spec` must outlive this. Hosts that stand in no HostView may not take anything ("not joined").
  Placement(const Spec& spec, const std::vector<HostView>& hosts);
  // The same for whoever keeps the roster of his spec.
  Placement(std::shared_ptr<const Roster> roster, const std::vector<HostView>& hosts);
  ~Placement();
  Placement(Placement&&) noexcept;
  Placement& operator=(Placement&&) noexcept;

  // Books what runs there or may run there; no check is made: what is claimed is a fact. A resource may be booked on
  // several hosts (it is stopping here, starting there); each booking counts. Names that the spec does not know are
  // passed over: nothing is known of their size. release takes back one booking; where there is none, nothing.
  void book(const ResourceName& resource, const HostName& host);
  void release(const ResourceName& resource, const HostName& host);
  // Why this host may not take anything from now on; empty: it may.
  void set_refusal(const HostName& host, std::string reason);
  void set_others(const HostName& host, Footprint others);
  // What is booked and released from begin_trial() on is taken back by end_trial().
  void begin_trial();
  void end_trial();

  // Hard, and the order in which a refusal is looked for: the host may take resources; only/never; `avoid`; strict
  // apart and together rules against everything booked; capacity. A strict `together` set that runs nowhere yet
  // needs a domain in which the whole set (all of it that is started, only/never, rules and capacity considered)
  // fits. What the resource itself has booked is not counted against it. Occasion::recovery, for a restart after the
  // loss of a host, counts memory x overbook.
  // Soft, in this order: the rest of a strict together set still fits; rank in `prefer`; fewest broken preference
  // rules; fewest instances of the same template there; most free memory; name. `avoid`: hosts that are out for this
  // resource now (it failed there), each with its reason.
  [[nodiscard]] Choice choose(const ResourceName& resource, const std::vector<Refusal>& avoid = {},
                              Occasion occasion = Occasion::start) const;

  // Hosts for all of these, none of which is booked, most important first, sets side by side; nullopt: it stays down.
  // As choose() finds them one after the other; if that leaves somebody out for whom there is room in another
  // arrangement of all of them, that arrangement, preferences aside: by importance, a set is kept if all kept so far
  // and it fit together. The search for it is bounded (packing.hpp), and changes nothing that is booked.
  [[nodiscard]] std::vector<std::optional<HostName>> arrange(const std::vector<Wanted>& wanted);

  // For a resource that choose() finds no host for: the fewest who yield so that it may stand, of equally few the
  // least important, of these the best host. Whoever yields weighs less (Roster::weight) than the resource and all
  // that must start with it. nullopt: it would not fit even then, or one of `ahead`, which are more important and fit
  // nowhere either, would take the room first.
  [[nodiscard]] std::optional<Eviction> make_room(const ResourceName& resource, const std::vector<Refusal>& avoid,
                                                  Occasion occasion, const YieldsTo& yields,
                                                  const std::vector<ResourceName>& ahead);

  // For a resource that choose() finds no host for, what is nearest to letting it run: "512 MiB more on h2, or h1 in
  // service again would do". Empty: neither room nor a host that is out is all that is missing anywhere.
  [[nodiscard]] std::string remedy(const ResourceName& resource, const std::vector<Refusal>& avoid,
                                   Occasion occasion) const;

  // Why choose() would leave this host out; empty: it would not.
  [[nodiscard]] std::string refusal(const ResourceName& resource, const HostName& host,
                                    const std::vector<Refusal>& avoid = {}, Occasion occasion = Occasion::start) const;

  // The strict rules that a resource breaks by standing on this host together with everything booked (itself not
  // counted); empty: none. Sentences for a person: "apart: web1 and web2 are both on h1".
  [[nodiscard]] std::vector<std::string> broken_rules(const ResourceName& resource, const HostName& host) const;

  // How well the host suits by `prefer` alone: 0 best; hosts in no list come last; nullopt: only/never exclude it.
  [[nodiscard]] std::optional<int> preference(const ResourceName& resource, const HostName& host) const;

  // How well it suits by all soft rules, before what is free is looked at: rank in `prefer`, broken preference rules,
  // instances of the same template there. Least is best. nullopt: unknown, or only/never exclude it.
  using Liking = std::tuple<int, std::size_t, std::size_t>;
  [[nodiscard]] std::optional<Liking> liking(const ResourceName& resource, const HostName& host) const;

 private:
  struct Query;
  struct Ledger;
  class Clearing;
  class Arranging;
  std::unique_ptr<Ledger> ledger_;
};

}  // namespace haven
