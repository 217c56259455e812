// Live migrations, and what hurts them while they are under way.
#include "sim/fault_source.hpp"

namespace haven::sim {

// The operator moves something live; then, as often as not, one of both ends or the way between them is hurt.
void FaultSource::migration() {
  if (resources_.empty() || hosts_.size() < 2) return;
  const ResourceName resource = some_resource();
  const auto from = world_.hosts_of(resource);
  const HostName to = some_host();
  deed(Order{OperatorVerb::migrate, resource, to}, "migrate " + resource.str() + " " + to.str());
  if (from.size() != 1 || from.front() == to || random_.once_in(3)) return;
  later(random_.once_in(4) ? span(1ms, 300ms) : span(1ms, 12s),
        [this, resource, from = from.front(), to] { hurt_migration(resource, from, to); });
}

void FaultSource::hurt_migration(const ResourceName& resource, const HostName& from, const HostName& to) {
  const HostName& end = random_.once_in(2) ? from : to;
  switch (random_.below(8)) {
    case 0:
      deed(SetPower{end, false}, "power " + end.str() + " off");
      return later(span(1s, 300s), [this, end] { deed(SetPower{end, true}, "power " + end.str() + " on"); });
    case 1:
      deed(SetCut{from, to, random_.once_in(3), true}, "cut " + from.str() + " " + to.str());
      return later(span(100ms, 60s), [this, from, to] {
        deed(SetCut{from, to, false, false}, "heal " + from.str() + " " + to.str());
      });
    case 2:
      return deed(CrashHavend{end}, "havend " + end.str() + " crash");
    case 3:
      return deed(HurtLibvirt{end, LibvirtFault::crash}, "libvirt " + end.str() + " crash");
    case 4:
      deed(HurtLibvirt{end, LibvirtFault::hang}, "libvirt " + end.str() + " hang");
      return later(span(100ms, 60s), [this, end] {
        deed(HurtLibvirt{end, LibvirtFault::resume}, "libvirt " + end.str() + " resume");
      });
    case 5:
      return deed(LetFail{FailingDeed::migrate_reply, resource, from, 1},
                  "migrate-reply-lost " + resource.str() + " " + from.str());
    case 6:
      return deed(Order{OperatorVerb::stay, resource, {}}, "migrate " + resource.str() + " abort");
    default:
      for (const HostName& host : hosts_)
        if (world_.havend(host).alive() && world_.havend(host).node()->leads())
          return deed(CrashHavend{host}, "havend " + host.str() + " crash");
  }
}

}  // namespace haven::sim
