#include <charconv>
#include <cmath>
#include <map>
#include <system_error>

#include "core/model/spelling.hpp"
#include "file/quantity.hpp"
#include "sim/scenario_reader.hpp"

namespace haven::sim {
namespace {

using Answer = std::optional<Deed>;

struct Context {
  Line& line;
  Duration at;
  Vocabulary& words;
};

std::optional<bool> on_or_off(Context& c) {
  const auto which = c.words.one_of(c.line, {"on", "off"});
  if (!which) return std::nullopt;
  return *which == 0;
}

Answer power(Context& c) {
  const auto machine = c.words.machine(c.line);
  const auto on = on_or_off(c);
  if (!machine || !on) return std::nullopt;
  return SetPower{*machine, *on};
}

Answer network(Context& c) {
  const auto host = c.words.host(c.line);
  const auto on = on_or_off(c);
  if (!host || !on) return std::nullopt;
  return SetNetwork{*host, *on};
}

Answer hang_or_resume(Context& c, bool hung) {
  const auto host = c.words.host(c.line);
  if (!host) return std::nullopt;
  return SetHang{*host, hung};
}

Answer shut_down(Context& c, bool reboot) {
  const auto host = c.words.host(c.line);
  if (!host) return std::nullopt;
  return ShutDown{*host, reboot};
}

Answer link(Context& c, const std::optional<HostName>& host, file::Position where, bool cut) {
  const Host* known = host ? c.words.spec().host(*host) : nullptr;
  if (host && known == nullptr) c.words.wrong(where, "\"" + host->str() + "\" is no host with links", "a host's name");
  const int links = known == nullptr ? 1 : std::max<int>(1, static_cast<int>(known->links.size()));
  const auto number = c.words.number(c.line, 1, links, "link of " + (host ? host->str() : std::string("it")));
  if (known == nullptr || !number) return std::nullopt;
  return SetLink{*host, static_cast<std::size_t>(*number), cut};
}

Answer cut_or_heal(Context& c, bool cut) {
  const file::Position where = c.line.here();
  const auto a = c.words.machine(c.line);
  if (c.line.take_if("link")) return link(c, a, where, cut);
  const bool one_way = c.line.take_if("->");
  const file::Position second = c.line.here();
  const auto b = c.words.machine(c.line);
  if (!a || !b) return std::nullopt;
  if (*a == *b) {
    c.words.wrong(second, "the way of " + a->str() + " to itself cannot be cut", "two different hosts");
    return std::nullopt;
  }
  return SetCut{*a, *b, one_way, cut};
}

Answer store(Context& c) {
  const auto which = c.words.one_of(c.line, {"on", "off", "full"});
  if (!which) return std::nullopt;
  return SetStore{*which != 1, *which == 2};
}

Answer uplink(Context& c) {
  const auto host = c.words.host(c.line);
  const auto on = on_or_off(c);
  if (!host || !on) return std::nullopt;
  return SetUplink{*host, *on};
}

Answer storage(Context& c) {
  const auto host = c.words.host_or(c.line, "all");
  const auto on = on_or_off(c);
  if (!host || !on) return std::nullopt;
  return SetStorage{*host, *on};
}

Answer fence_device(Context& c) {
  const auto host = c.words.host(c.line);
  std::optional<std::size_t> device;
  if (c.line.take_if("device")) {
    const Host* known = host ? c.words.spec().host(*host) : nullptr;
    const int devices = known == nullptr ? 1 : std::max<int>(1, static_cast<int>(known->fence.size()));
    const auto number =
        c.words.number(c.line, 1, devices, "fence device of " + (host ? host->str() : std::string("it")));
    if (!number) return std::nullopt;
    device = static_cast<std::size_t>(*number - 1);
  }
  const auto mode = c.words.one_of(c.line, {"working", "broken", "hanging", "lying", "slow"});
  if (!host || !mode) return std::nullopt;
  return SetFenceDevice{*host, static_cast<DeviceMode>(*mode), device};
}

Answer reinstall(Context& c) {
  const auto host = c.words.host(c.line);
  if (!host) return std::nullopt;
  return Reinstall{*host};
}

Answer fence_test(Context& c) {
  const auto host = c.words.host(c.line);
  if (!host) return std::nullopt;
  return Order{OperatorVerb::fence_test, {}, *host};
}

Answer watchdog(Context& c) {
  const auto host = c.words.host(c.line);
  const auto mode = c.words.one_of(c.line, {"working", "broken"});
  if (!host || !mode) return std::nullopt;
  return SetWatchdog{*host, *mode == 1};
}

Answer guest(Context& c) {
  const auto resource = c.words.resource(c.line, c.at);
  const auto fault = c.words.one_of(c.line, {"crash", "hang", "poweroff"});
  if (!resource || !fault) return std::nullopt;
  return HurtGuest{*resource, static_cast<GuestFault>(*fault)};
}

Answer app(Context& c) {
  const auto resource = c.words.resource(c.line, c.at);
  const auto fault = c.words.one_of(c.line, {"fail", "heal", "slow", "damage", "leak", "stall"});
  if (!resource || !fault) return std::nullopt;
  HurtApp deed{*resource, static_cast<AppFault>(*fault), std::nullopt};
  if (deed.fault == AppFault::heal || c.line.peek() == nullptr) return deed;
  const auto remedy = c.words.one_of(c.line, {"command", "application", "restart", "failover"});
  if (!remedy) return std::nullopt;
  deed.mended_by = static_cast<Remedy>(*remedy);
  return deed;
}

Answer libvirt(Context& c) {
  const auto host = c.words.host(c.line);
  const auto fault = c.words.one_of(c.line, {"hang", "resume", "crash"});
  if (!host || !fault) return std::nullopt;
  return HurtLibvirt{*host, static_cast<LibvirtFault>(*fault)};
}

Answer havend(Context& c) {
  const auto host = c.words.host(c.line);
  const bool crash = c.words.literal(c.line, "crash");
  if (!host || !crash) return std::nullopt;
  return CrashHavend{*host};
}

Answer fails(Context& c, FailingDeed deed) {
  constexpr int kMostFailures = 1'000'000;
  const auto resource = c.words.resource(c.line, c.at);
  const auto host = c.words.host_or(c.line, "any");
  std::optional<int> count = 1;
  if (c.line.peek() != nullptr) count = c.words.number(c.line, 1, kMostFailures, "number of failures");
  if (!resource || !host || !count) return std::nullopt;
  return LetFail{deed, *resource, *host, *count};
}

Answer order(Context& c, OperatorVerb verb) {
  const auto resource = c.words.resource(c.line, c.at);
  HostName host;
  if (verb == OperatorVerb::relocate) {
    const auto target = c.words.host(c.line);
    if (!target) return std::nullopt;
    host = *target;
  }
  if (!resource) return std::nullopt;
  return Order{verb, *resource, host};
}

// FORMATS' `migrate V H`, and `migrate V abort`.
Answer migrate(Context& c) {
  const auto resource = c.words.resource(c.line, c.at);
  if (c.line.take_if("abort")) {
    if (!resource) return std::nullopt;
    return Order{OperatorVerb::stay, *resource, {}};
  }
  const auto host = c.words.host(c.line);
  if (!resource || !host) return std::nullopt;
  return Order{OperatorVerb::migrate, *resource, *host};
}

// A resource's failures, or a host's losses: names are unique over both.
Answer clear(Context& c) {
  const auto name = c.words.host_or_resource(c.line, c.at);
  if (!name) return std::nullopt;
  if (c.words.spec().host(HostName{*name}) != nullptr) return Order{OperatorVerb::clear, {}, HostName{*name}};
  return Order{OperatorVerb::clear, ResourceName{*name}, {}};
}

Answer freeze(Context& c) {
  const auto on = on_or_off(c);
  if (!on) return std::nullopt;
  std::optional<std::string> name{""};
  if (c.line.peek() != nullptr) name = c.words.host_or_resource(c.line, c.at);
  if (!name) return std::nullopt;
  return Order{*on ? OperatorVerb::freeze : OperatorVerb::thaw, {}, {}, *name};
}

Answer maintenance(Context& c) {
  const auto host = c.words.host(c.line);
  const auto on = host ? on_or_off(c) : std::nullopt;
  if (!on) return std::nullopt;
  const bool protected_only = *on && c.line.peek() != nullptr;
  if (protected_only && !c.words.one_of(c.line, {"protected"})) return std::nullopt;
  return Order{*on ? OperatorVerb::maintain : OperatorVerb::resume, {}, *host, {}, protected_only};
}

Answer fence_confirm(Context& c) {
  const auto host = c.words.host(c.line);
  if (!host) return std::nullopt;
  return Order{OperatorVerb::fence_confirm, {}, *host};
}

// "3.5", "0.25", "2".
std::optional<MilliCpu> cpus(Context& c) {
  constexpr double kMost = 4096;
  const file::Position where = c.line.here();
  const Word* word = c.line.take();
  double value = 0;
  if (word != nullptr) {
    const char* end = word->text.data() + word->text.size();
    const auto [rest, error] = std::from_chars(word->text.data(), end, value, std::chars_format::fixed);
    if (error == std::errc{} && rest == end && value >= 0 && value <= kMost)
      return MilliCpu{std::llround(value * 1000)};
  }
  c.words.wrong(where, word == nullptr ? "the line ends too early" : "\"" + word->text + "\" is no number of CPUs",
                "from 0 to 4096, as 3.5");
  return std::nullopt;
}

Answer load(Context& c) {
  const auto name = c.words.host_or_resource(c.line, c.at);
  const bool cpu = name && c.words.literal(c.line, "cpu");
  const auto value = cpu ? cpus(c) : std::nullopt;
  if (!value) return std::nullopt;
  if (c.words.spec().host(HostName{*name}) != nullptr) return SetLoad{HostName{*name}, {}, *value};
  return SetLoad{{}, ResourceName{*name}, *value};
}

// `replace V with NEW [prove DURATION] [settle DURATION] [timeout DURATION]`.
Answer replace(Context& c) {
  const auto predecessor = c.words.resource(c.line, c.at);
  const bool with = predecessor && c.words.literal(c.line, "with");
  const auto successor = with ? c.words.new_resource(c.line, c.at) : std::nullopt;
  if (!successor) return std::nullopt;
  Replace deed{*successor, {}};
  deed.succession.predecessor = *predecessor;
  while (c.line.peek() != nullptr) {
    const auto key = c.words.one_of(c.line, {"prove", "settle", "timeout"});
    const auto span = key ? c.words.duration(c.line) : std::nullopt;
    if (!span) return std::nullopt;
    Succession& s = deed.succession;
    (*key == 0 ? s.prove : *key == 1 ? s.settle : s.timeout) = *span;
  }
  return deed;
}

Answer remove(Context& c) {
  const auto resource = c.words.resource(c.line, c.at);
  if (!resource) return std::nullopt;
  return Remove{*resource};
}

Answer add(Context& c) {
  constexpr int kMostCpus = 4096;
  const auto name = c.words.new_resource(c.line, c.at);
  std::optional<int> cpu;
  std::optional<MiB> memory;
  const file::Position where = c.line.here();
  while (c.line.peek() != nullptr) {
    const auto key = c.words.one_of(c.line, {"cpu", "memory"});
    if (!key) return std::nullopt;
    if (*key == 0) {
      cpu = c.words.number(c.line, 1, kMostCpus, "number of CPUs");
      if (!cpu) return std::nullopt;
      continue;
    }
    const Word* word = c.line.peek();
    const auto size =
        word == nullptr ? tl::make_unexpected(std::string("the line ends too early")) : file::parse_size(word->text);
    if (!size) return c.words.wrong(c.line.here(), size.error(), file::kSizeExamples), std::nullopt;
    c.line.take();
    memory = file::rounded_up(*size);
  }
  if (!cpu || !memory) {
    c.words.wrong(where, "a resource needs its cpu and its memory", "add web9 cpu 1 memory 1GiB");
    return std::nullopt;
  }
  if (!name) return std::nullopt;
  Resource resource;
  resource.name = *name;
  resource.cpu = Vcpu{*cpu};
  resource.memory = *memory;
  return Add{std::move(resource)};
}

// nullptr: a verb that stands in FORMATS and is not built yet.
using Verb = Answer (*)(Context&);
const std::map<std::string, Verb>& verbs() {
  static const std::map<std::string, Verb> kVerbs{
      {"power", power},
      {"network", network},
      {"hang", [](Context& c) { return hang_or_resume(c, true); }},
      {"resume", [](Context& c) { return hang_or_resume(c, false); }},
      {"reboot", [](Context& c) { return shut_down(c, true); }},
      {"shutdown", [](Context& c) { return shut_down(c, false); }},
      {"cut", [](Context& c) { return cut_or_heal(c, true); }},
      {"heal", [](Context& c) { return cut_or_heal(c, false); }},
      {"store", store},
      {"storage", storage},
      {"uplink", uplink},
      {"fence-device", fence_device},
      {"watchdog", watchdog},
      {"guest", guest},
      {"libvirt", libvirt},
      {"havend", havend},
      {"start-fails", [](Context& c) { return fails(c, FailingDeed::start); }},
      {"stop-fails", [](Context& c) { return fails(c, FailingDeed::stop); }},
      {"kill-fails", [](Context& c) { return fails(c, FailingDeed::kill); }},
      {"migrate-fails", [](Context& c) { return fails(c, FailingDeed::migrate); }},
      {"migrate-reply-lost", [](Context& c) { return fails(c, FailingDeed::migrate_reply); }},
      {"stop", [](Context& c) { return order(c, OperatorVerb::stop); }},
      {"start", [](Context& c) { return order(c, OperatorVerb::start); }},
      {"disable", [](Context& c) { return order(c, OperatorVerb::disable); }},
      {"ignore", [](Context& c) { return order(c, OperatorVerb::ignore); }},
      {"clear", clear},
      {"relocate", [](Context& c) { return order(c, OperatorVerb::relocate); }},
      {"freeze", freeze},
      {"fence-confirm", fence_confirm},
      {"fence-test", fence_test},
      {"reinstall", reinstall},
      {"replace", replace},
      {"back", [](Context& c) { return order(c, OperatorVerb::hand_back); }},
      {"finish", [](Context& c) { return order(c, OperatorVerb::hand_finish); }},
      {"remove", remove},
      {"load", load},
      {"add", add},
      {"app", app},
      {"migrate", migrate},
      {"maintenance", maintenance},
      {"health", nullptr},
  };
  return kVerbs;
}

// Empty: nothing is counted.
std::string counted_by(Claimed what) {
  switch (what) {
    case Claimed::fences:
      return "fences";
    case Claimed::alarms:
      return "alarms";
    case Claimed::migrations:
      return "migrations";
    case Claimed::restarts:
      return "restarts";
    case Claimed::repairs:
      return "repairs";
    case Claimed::on_host:
    case Claimed::running:
    case Claimed::stopped:
    case Claimed::failed:
    case Claimed::advised:
    case Claimed::held:
    case Claimed::free:
    case Claimed::well:
    case Claimed::ill:
    case Claimed::linked:
    case Claimed::unlinked:
    case Claimed::fenced:
    case Claimed::not_fenced:
      return "";
  }
  return "";
}

std::optional<Expectation> expect_of_cluster(Line& line, Vocabulary& words, Expectation e) {
  const std::string counted = counted_by(e.what);
  if (!counted.empty()) {
    const auto count = words.number(line, 0, 1'000'000, "number of " + counted);
    if (!count) return std::nullopt;
    e.count = *count;
    return e;
  }
  const auto host = words.host(line);
  if (!host) return std::nullopt;
  e.host = *host;
  return e;
}

std::optional<Expectation> expect_resource(Line& line, Vocabulary& words, Expectation e) {
  const auto resource = words.resource(line, std::nullopt);
  const auto state = words.one_of(
      line, {"on", "running", "stopped", "failed", "advised", "held", "free", "well", "ill", "linked", "unlinked"});
  if (!state) return std::nullopt;
  e.what = static_cast<Claimed>(*state);
  if (e.what == Claimed::on_host || e.what == Claimed::advised) {
    const auto host = words.host(line);
    if (!host) return std::nullopt;
    e.host = *host;
  }
  if (!resource) return std::nullopt;
  e.resource = *resource;
  return e;
}

}  // namespace

std::optional<Deed> read_deed(Line& line, Duration at, Vocabulary& words) {
  std::vector<std::string> built;
  for (const auto& [name, read] : verbs()) {
    if (read != nullptr) built.push_back(name);
  }
  const Word* word = line.take();
  if (word == nullptr) {
    words.wrong(line.here(), "the line ends too early", "what happens then, as power h1 off");
    return std::nullopt;
  }
  const auto found = verbs().find(word->text);
  if (found == verbs().end()) {
    const auto near = closest(word->text, built);
    words.wrong(word->at, "there is no verb \"" + word->text + "\"",
                near ? *near : "a verb, as power, hang, cut or stop");
    line.skip_rest();
    return std::nullopt;
  }
  if (found->second == nullptr) {
    words.wrong(word->at, "\"" + word->text + "\" is not yet built", "a verb that is, as power, hang, cut or stop");
    line.skip_rest();
    return std::nullopt;
  }
  Context context{line, at, words};
  auto deed = found->second(context);
  if (deed) {
    words.nothing_more(line);
  } else {
    line.skip_rest();
  }
  return deed;
}

std::optional<Expectation> read_expectation(Line& line, Vocabulary& words) {
  Expectation e;
  const file::Position where = line.here();
  std::optional<Expectation> read;
  if (line.take_if("not")) {
    e.what = Claimed::not_fenced;
    if (!words.literal(line, "fenced")) return line.skip_rest(), std::nullopt;
    read = expect_of_cluster(line, words, e);
  } else if (line.take_if("fenced")) {
    e.what = Claimed::fenced;
    read = expect_of_cluster(line, words, e);
  } else if (line.take_if("fences")) {
    e.what = Claimed::fences;
    read = expect_of_cluster(line, words, e);
  } else if (line.take_if("alarms")) {
    e.what = Claimed::alarms;
    read = expect_of_cluster(line, words, e);
  } else if (line.take_if("migrations")) {
    e.what = Claimed::migrations;
    read = expect_of_cluster(line, words, e);
  } else if (line.take_if("restarts")) {
    e.what = Claimed::restarts;
    read = expect_of_cluster(line, words, e);
  } else if (line.take_if("repairs")) {
    e.what = Claimed::repairs;
    read = expect_of_cluster(line, words, e);
  } else if (line.peek() == nullptr) {
    words.wrong(where, "the line ends too early", "what is expected, as web1 on h2");
  } else {
    read = expect_resource(line, words, e);
  }
  if (!read) return line.skip_rest(), std::nullopt;
  const file::Position by = line.here();
  if (line.take_if("by")) {
    read->by = words.duration(line);
    if (!read->by) return line.skip_rest(), std::nullopt;
    if (read->what != Claimed::fenced && read->resource.empty()) {
      words.wrong(by, "this holds over the whole run and takes no \"by\"", "the line without it");
    }
  }
  words.nothing_more(line);
  return read;
}

}  // namespace haven::sim
