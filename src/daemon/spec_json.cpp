#include <climits>

#include "daemon/json_fields.hpp"
#include "daemon/spec_store.hpp"

namespace haven::codec {

#define HAVEN_WORDS(E, ...)                            \
  template <>                                          \
  std::span<const Word<E>> words_of<E>() {             \
    using enum E;                                      \
    static constexpr Word<E> kWords[] = {__VA_ARGS__}; \
    return kWords;                                     \
  }

HAVEN_WORDS(FailureDomain, {host, "host"}, {rack, "rack"}, {room, "room"}, {site, "site"})
HAVEN_WORDS(AfterFence, {off, "off"}, {on, "on"})
HAVEN_WORDS(ShutdownPolicy, {migrate, "migrate"}, {failover, "failover"}, {stop, "stop"}, {freeze, "freeze"},
            {conditional, "conditional"})
template <>
std::span<const Word<DesiredState>> words_of<DesiredState>();
HAVEN_WORDS(OnStopFail, {hold, "hold"}, {fence, "fence"})
HAVEN_WORDS(OnPoweroff, {restart, "restart"}, {stop, "stop"})
HAVEN_WORDS(Failback, {off, "off"}, {migrate, "migrate"}, {restart, "restart"})
HAVEN_WORDS(CheckKind, {guest_agent, "guest-agent"}, {tcp, "tcp"}, {http, "http"}, {exec, "exec"}, {memory, "memory"},
            {disk_io, "disk-io"})
HAVEN_WORDS(Remedy, {command, "command"}, {application, "application"}, {restart, "restart"}, {failover, "failover"})
HAVEN_WORDS(AfterTimeout, {hold, "hold"}, {go_on, "continue"})
HAVEN_WORDS(Balance, {off, "off"}, {advise, "advise"}, {automatic, "auto"})
HAVEN_WORDS(Hogs, {tell, "tell"}, {cap, "cap"})
HAVEN_WORDS(RuleKind, {apart, "apart"}, {together, "together"})
#undef HAVEN_WORDS

// A spec as it is stored: each domain XML stands once, in `texts`; resources and files refer to it by its place.
struct StoredResource {
  Resource resource;
  std::int64_t xml = -1;  // -1: none
};
struct StoredDocument {
  std::string file_name;
  std::string text;
  std::vector<std::string> texts;
  std::map<std::string, std::int64_t> domains;
  Cluster cluster;
  std::vector<Host> hosts;
  std::vector<StoredResource> resources;
  std::vector<Rule> rules;
};

template <class Io>
void describe(Io& io, typename Io::template Ref<Cluster> c) {
  io.field("name", c.name);
  io.number("reserve", c.reserve, {0, INT_MAX});
  io.field("reserve_domain", c.reserve_domain);
  io.field("lease_ns", c.lease);
  io.field("voters", c.voters);
  io.field("voters_named", c.voters_named);
  io.field("witness", c.witness);
  io.field("cpu_overcommit", c.cpu_overcommit);
  io.field("overbook", c.overbook);
  io.field("heartbeat_ns", c.heartbeat);
  io.field("suspect_ns", c.suspect);
  io.field("after_fence", c.after_fence);
  io.field("shutdown_policy", c.shutdown_policy);
  io.field("balance", c.balance);
  io.field("hogs", c.hogs);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<FenceDevice> d) {
  io.field("agent", d.agent);
  io.field("options", d.options);
  io.number("level", d.level, {INT_MIN, INT_MAX});
  io.field("cuts", d.cuts);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<Host> h) {
  io.field("name", h.name);
  io.field("address", h.address);
  io.field("cpu", h.cpu);
  io.field("memory_mib", h.memory);
  io.field("keep_cpu", h.keep_cpu);
  io.field("keep_memory_mib", h.keep_memory);
  io.field("links", h.links);
  io.field("site", h.site);
  io.field("room", h.room);
  io.field("rack", h.rack);
  io.field("fence", h.fence);
  io.field("runs_on", h.runs_on);
  io.field("self_fence", h.self_fence);
  io.field("promise_ns", h.promise);
  io.field("watchdog_accept_soft", h.watchdog_accept_soft);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<HostRules> r) {
  io.field("only", r.only);
  io.field("prefer", r.prefer);
  io.field("never", r.never);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<RestartBudget> b) {
  io.number("limit", b.limit, {0, INT_MAX});
  io.field("within_ns", b.within);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<CalendarWindow> w) {
  io.number("days", w.days, {0, 127});
  io.number("from_minutes", w.from_minutes, {0, 1439});
  io.number("to_minutes", w.to_minutes, {1, 1440});
}
template <class Io>
void describe(Io& io, typename Io::template Ref<ZoneOffset> o) {
  io.field("from_ms", o.from);
  io.number("seconds", o.seconds, {-100'000, 100'000});
}
template <class Io>
void describe(Io& io, typename Io::template Ref<Calendar> c) {
  io.field("text", c.text);
  io.field("windows", c.windows);
  io.field("offsets", c.offsets);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<GuestCheck> c) {
  io.field("kind", c.kind);
  io.field("address", c.address);
  io.number("port", c.port, {0, 65535});
  io.field("url", c.url);
  io.number("status", c.status, {0, 999});
  io.field("contains", c.contains);
  io.field("authority", c.authority);
  io.field("command", c.command);
  io.field("available_mib", c.available);
  io.field("interval_ns", c.interval);
  io.field("timeout_ns", c.timeout);
  io.number("failures", c.failures, {1, 1000});
  io.field("grace_ns", c.grace);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<Repair> r) {
  io.field("remedy", r.remedy);
  io.field("command", r.command);
  io.number("limit", r.limit, {0, 1000});
  io.field("within_ns", r.within);
  io.field("timeout_ns", r.timeout);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<Succession> s) {
  io.field("predecessor", s.predecessor);
  io.field("prove_ns", s.prove);
  io.field("settle_ns", s.settle);
  io.field("timeout_ns", s.timeout);
  io.field("asked_ms", s.asked);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<StoredResource> s) {
  auto& r = s.resource;
  io.field("name", r.name);
  io.field("uuid", r.uuid);
  io.number("xml", s.xml, {-1, INT_MAX});
  io.field("container", r.container);
  io.field("cpu", r.cpu);
  io.field("memory_mib", r.memory);
  io.field("state", r.state);
  io.number("priority", r.priority, {0, 1000});
  io.field("hosts", r.hosts);
  io.field("failback", r.failback);
  io.field("live_migration", r.live_migration);
  io.field("cap", r.cap);
  io.field("restarts", r.restarts);
  io.number("relocations", r.relocations, {0, INT_MAX});
  io.field("retry", r.retry);
  io.field("on_stop_fail", r.on_stop_fail);
  io.field("on_poweroff", r.on_poweroff);
  io.field("after", r.after);
  io.field("tolerate_host", r.tolerate_host);
  io.field("preempt", r.preempt);
  io.field("unprotected", r.unprotected);
  io.field("when", r.when);
  io.field("checks", r.checks);
  io.field("repairs", r.repairs);
  io.field("before_serve", r.before_serve);
  io.field("serve", r.serve);
  io.field("after_timeout_ns", r.after_timeout);
  io.field("on_after_timeout", r.on_after_timeout);
  io.field("succession", r.succession);
  io.maybe("replaced", r.replaced);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<Rule> r) {
  io.field("kind", r.kind);
  io.field("resources", r.resources);
  io.field("domain", r.domain);
  io.field("strict", r.strict);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<StoredDocument> d) {
  io.field("file_name", d.file_name);
  io.field("text", d.text);
  io.field("texts", d.texts);
  io.places("domains", d.domains);
  io.field("cluster", d.cluster);
  io.field("hosts", d.hosts);
  io.field("resources", d.resources);
  io.field("rules", d.rules);
}

namespace {

class Texts {
 public:
  std::int64_t place_of(const std::string& text) {
    const auto [it, added] = places_.try_emplace(text, static_cast<std::int64_t>(list_.size()));
    if (added) list_.push_back(text);
    return it->second;
  }
  [[nodiscard]] std::vector<std::string> take() { return std::move(list_); }

 private:
  std::map<std::string, std::int64_t> places_;
  std::vector<std::string> list_;
};

}  // namespace

std::string write_document(const SpecDocument& document) {
  StoredDocument stored;
  stored.file_name = document.file_name;
  stored.text = document.text;
  Texts texts;
  for (const auto& [path, xml] : document.domains) stored.domains[path] = texts.place_of(xml);
  const Spec& spec = *document.spec;
  for (const Resource& resource : spec.resources) {
    StoredResource& s = stored.resources.emplace_back(StoredResource{resource, -1});
    if (!resource.xml.empty()) s.xml = texts.place_of(resource.xml);
  }
  stored.texts = texts.take();
  stored.cluster = spec.cluster;
  stored.hosts = spec.hosts;
  stored.rules = spec.rules;
  return Writer::json_of(stored).dump(-1, ' ', false, Json::error_handler_t::replace);
}

tl::expected<SpecDocument, std::string> read_document(std::string_view bytes) {
  const Json json = Json::parse(bytes, nullptr, false);
  if (json.is_discarded()) return tl::unexpected(std::string("it is no JSON"));
  StoredDocument stored;
  std::string problem;
  Reader reader(json, problem);
  describe(reader, stored);
  reader.finish();
  if (!problem.empty()) return tl::unexpected(problem);
  const auto count = static_cast<std::int64_t>(stored.texts.size());
  SpecDocument document;
  document.file_name = std::move(stored.file_name);
  document.text = std::move(stored.text);
  for (const auto& [path, place] : stored.domains) {
    if (place >= count) return tl::unexpected(std::string("\"domains\" refers to a text that is not there"));
    document.domains[path] = stored.texts[static_cast<std::size_t>(place)];
  }
  auto spec = std::make_shared<Spec>();
  for (StoredResource& s : stored.resources) {
    if (s.xml >= count) return tl::unexpected(std::string("\"resources\" refer to a text that is not there"));
    if (s.xml >= 0) s.resource.xml = stored.texts[static_cast<std::size_t>(s.xml)];
    spec->resources.push_back(std::move(s.resource));
  }
  spec->cluster = std::move(stored.cluster);
  spec->hosts = std::move(stored.hosts);
  spec->rules = std::move(stored.rules);
  document.spec = std::move(spec);
  return document;
}

}  // namespace haven::codec
