// Guests that are replaced, and what hurts that while their links change hands.
#include "core/recovery/succession.hpp"
#include "sim/fault_source.hpp"

namespace haven::sim {
namespace {

// How often somebody looks whether a handover has begun, to hurt it: the links change hands within milliseconds.
constexpr Duration kLooks = 5ms;
constexpr int kMostLooks = 12'000;

}  // namespace

// The operator replaces a guest, takes it back, or says that it is for good.
void FaultSource::replacements() {
  later(std::chrono::seconds(replacing_.between(5, 90)), [this] {
    replacements();
    const auto spec = world_.spec();
    if (spec->resources.empty()) return;
    const ResourceName name = spec->resources[replacing_.below(spec->resources.size())].name;
    const auto under_way = replacement_of(world_.checker().view(), name);
    if (!under_way) return replace(name);
    if (replacing_.once_in(3)) return;
    const bool back = replacing_.once_in(2);
    deed(Order{back ? OperatorVerb::hand_back : OperatorVerb::hand_finish, name, {}},
         (back ? "back " : "finish ") + name.str());
    if (back && replacing_.once_in(2)) watch_handover(under_way->successor.name, kMostLooks);
  });
}

void FaultSource::replace(const ResourceName& old) {
  constexpr int kMostSuccessors = 30;
  if (successors_ == kMostSuccessors || !may_be_let_go(old)) return;
  Replace deed{ResourceName{old.str() + "-" + std::to_string(++successors_)}, {}};
  deed.succession.predecessor = old;
  deed.succession.prove = std::chrono::seconds(replacing_.between(1, 20));
  deed.succession.settle = std::chrono::seconds(replacing_.between(5, 120));
  deed.succession.timeout = std::chrono::seconds(replacing_.between(20, 120));
  this->deed(deed, "replace " + old.str() + " with " + deed.successor.str());
  ++struck_["replacement"];
  Resource written = as_written_.at(old);
  written.name = deed.successor;
  as_written_[deed.successor] = written;
  resources_.push_back(deed.successor);
  if (!replacing_.once_in(3)) watch_handover(deed.successor, kMostLooks);
}

// Until its links are on their way, one way or the other.
void FaultSource::watch_handover(const ResourceName& successor, int looks) {
  if (looks == 0) return;
  later(kLooks, [this, successor, looks] {
    const auto r = replacement_of(world_.checker().view(), successor);
    const bool changes =
        r && (r->record.phase == HandoverPhase::handing || r->record.phase == HandoverPhase::returning);
    if (!changes) return watch_handover(successor, looks - 1);
    later(std::chrono::milliseconds(replacing_.between(0, 200)),
          [this, old = r->predecessor.name, successor] { hurt_handover(old, successor); });
  });
}

void FaultSource::hurt_handover(const ResourceName& old, const ResourceName& successor) {
  const ResourceName& hurt = replacing_.once_in(2) ? old : successor;
  const auto hosts = world_.hosts_of(hurt);
  if (hosts.empty()) return;
  const HostName host = hosts.front();
  ++struck_["hurt handover"];
  switch (replacing_.below(7)) {
    case 0:
      deed(SetPower{host, false}, "power " + host.str() + " off");
      return later(60s, [this, host] { deed(SetPower{host, true}, "power " + host.str() + " on"); });
    case 1:
      if (unwatched_.contains(host)) return;
      deed(SetHang{host, true}, "hang " + host.str());
      return later(std::chrono::seconds(replacing_.between(1, 60)), [this, host] {
        deed(SetHang{host, false}, "resume " + host.str());
      });
    case 2:
      return deed(CrashHavend{host}, "havend " + host.str() + " crash");
    case 3:
      deed(HurtLibvirt{host, LibvirtFault::hang}, "libvirt " + host.str() + " hang");
      return later(std::chrono::seconds(replacing_.between(1, 60)), [this, host] {
        deed(HurtLibvirt{host, LibvirtFault::resume}, "libvirt " + host.str() + " resume");
      });
    case 4:
      return deed(HurtGuest{hurt, GuestFault::crash}, "guest " + hurt.str() + " crash");
    case 5:
      return deed(Order{OperatorVerb::hand_back, old, {}}, "back " + old.str());
    default:
      for (const HostName& leader : hosts_)
        if (world_.havend(leader).alive() && world_.havend(leader).node()->leads())
          return deed(CrashHavend{leader}, "havend " + leader.str() + " crash");
  }
}

void FaultSource::take_back_replacements() {
  for (const Resource& resource : world_.spec()->resources)
    if (resource.succession) deed(Order{OperatorVerb::hand_back, resource.name, {}}, "back " + resource.name.str());
}

}  // namespace haven::sim
