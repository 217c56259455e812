#include "adapter/engine_members/machines.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "adapter/etcd/etcd_engine.hpp"
#include "daemon/codec.hpp"
#include "daemon/etcd_member/seats.hpp"

namespace haven::test {

using namespace daemon;

std::string loopback_address(int number) {
  const auto pid = static_cast<unsigned>(::getpid());
  return "127." + std::to_string(128 + number) + "." + std::to_string((pid >> 8) % 256) + "." +
         std::to_string(pid % 254 + 1);
}

Load::Load(const std::vector<std::string>& endpoints) {
  auto engine = PatientEngine::open([&](port::EngineSink sink) {
    auto opened = adapter::open_etcd_engine({endpoints, {}}, std::move(sink));
    if (opened) handle_ = opened->get();
    return tl::expected<std::unique_ptr<port::Engine>, std::string>(std::move(opened));
  });
  engine_ = std::make_unique<PatientEngine>(std::move(*engine));
  thread_ = std::thread([this] {
    for (int n = 0; !stopping_; ++n) {
      const std::string key = "/load/" + std::to_string(n);
      const auto done = engine_->commit({{{key, {}}}, {port::Put{key, std::string(200, 'x'), {}}}}, 2s);
      const std::lock_guard lock(mutex_);
      if (done.outcome != port::Outcome::committed) continue;
      acknowledged_.insert(key);
      const auto now = std::chrono::steady_clock::now();
      longest_stall_ = std::max<Duration>(longest_stall_, now - latest_);
      latest_ = now;
    }
  });
}

void Load::use(const std::vector<std::string>& endpoints) { handle_->use_endpoints(endpoints); }

void Load::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

std::string Load::figures() const {
  const std::lock_guard lock(mutex_);
  const auto ran = std::chrono::duration<double>(latest_ - begun_).count();
  return std::to_string(acknowledged_.size()) + " writes acknowledged in " + std::to_string(ran) +
         " s, the longest pause " + std::to_string(std::chrono::duration<double>(longest_stall_).count()) + " s";
}

std::set<std::string> Load::acknowledged() const {
  const std::lock_guard lock(mutex_);
  return acknowledged_;
}

Machines::Machines(int hosts, const std::string& witness, Duration replace_after, bool secure)
    : replace_after_(replace_after), controller_("h1") {
  apply(hosts, witness);
  if (secure) {
    // A member also asks whether a peer's certificate names the address that it comes from: here the loopback's own.
    std::vector<std::string> addresses{"127.0.0.1"};
    for (int i = 1; i <= hosts; ++i) addresses.push_back(loopback_address(i));
    tls_ = Certificates(folder_, addresses).issue("host");
  }
  Machine& first = machine("h1");
  const std::string toml = folder_.file("h1.toml");
  std::ofstream(toml) << "# kept\nhost = \"h1\"\n";
  file::LocalConfig config;
  config.host = HostName("h1");
  config.state_dir = first.state_dir;
  config.run_dir = first.state_dir;
  config.heartbeat_key = folder_.file("heartbeat.key");
  config.tls = local_tls();
  EXPECT_TRUE(order_move(config.state_dir, {kCluster, first.address, "root"}));
  auto moved = move_if_ordered(config, toml);
  if (!moved || !*moved) {
    ADD_FAILURE() << (moved ? "no move was ordered" : moved.error());
    return;
  }
  up_.insert("h1");
  run(first, (*moved)->file, std::move((*moved)->process));
}

Machines::~Machines() {
  for (auto& [name, machine] : machines_) machine->keeper.reset();
}

std::optional<file::Tls> Machines::local_tls() const {
  if (!tls_) return std::nullopt;
  return file::Tls{tls_->ca_file, tls_->certificate_file, tls_->key_file};
}

std::unique_ptr<adapter::EtcdAdmin> Machines::admin() const {
  auto admin = adapter::EtcdAdmin::open(tls_);
  EXPECT_TRUE(admin) << admin.error();
  return admin ? std::move(*admin) : nullptr;
}

void Machines::apply(int hosts, const std::string& witness) {
  auto spec = std::make_shared<Spec>();
  for (int i = 1; i <= hosts; ++i) {
    Host host;
    host.name = HostName("h" + std::to_string(i));
    host.address = loopback_address(i);
    spec->hosts.push_back(host);
  }
  spec->cluster.name = kCluster;
  spec->cluster.witness = witness;
  const std::lock_guard lock(mutex_);
  spec_ = std::move(spec);
}

Machines::Machine& Machines::machine(const std::string& name) {
  auto& found = machines_[name];
  if (found) return *found;
  found = std::make_unique<Machine>();
  found->name = name;
  found->address = loopback_address(name.starts_with("h") ? std::stoi(name.substr(1)) : 60);
  found->state_dir = folder_.file(name);
  std::filesystem::create_directories(found->state_dir);
  return *found;
}

EngineSight Machines::sight(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return {controller_ == name, leader_, spec_, up_, dead_, {}};
}

void Machines::run(Machine& m, const MemberFile& file, std::unique_ptr<EtcdProcess> process) {
  MemberKeeper::Edges edges;
  if (!m.witness) edges.look = [this, name = m.name] { return std::optional(sight(name)); };
  edges.endpoints_changed = [this](const auto& endpoints) {
    if (Load* load = load_) load->use(endpoints);
  };
  edges.say = [](bool, const std::string&) {};
  m.keeper = std::make_unique<MemberKeeper>(MemberKeeper::Place{m.state_dir, local_tls(), replace_after_}, file,
                                            admin(), m.alarms, std::move(edges), std::move(process));
}

void Machines::join(const std::string& name, bool witness) {
  const auto around = survey();
  Machine& m = machine(name);
  m.witness = witness;
  MemberFile file = machines_.at("h1")->keeper->file();
  file.endpoints = endpoints();
  file.name = name;
  file.address = m.address;
  file.witness = witness;
  file.member = 0;
  const SeatRecord seat{m.address, witness, false};
  const std::string key = engine_key::seat(kCluster, name);
  const auto done = admin()->commit(around.endpoint, {{}, {port::Put{key, encode(seat), {}}}}, 5s);
  EXPECT_EQ(done.outcome, port::Outcome::committed) << done.message;
  EXPECT_TRUE(write_member_file(m.state_dir, file));
  run(m, file);
  const std::lock_guard lock(mutex_);
  if (!witness) up_.insert(name);
}

void Machines::leave(const std::string& name) {
  const auto left = keeper(name).leave("root");
  EXPECT_TRUE(left) << left.error();
  machines_.at(name)->keeper.reset();
  const std::lock_guard lock(mutex_);
  up_.erase(name);
}

void Machines::kill(const std::string& name) {
  const pid_t pid = keeper(name).process().pid;
  if (pid > 0) ::kill(pid, SIGKILL);
  machines_.at(name)->keeper.reset();
  const std::lock_guard lock(mutex_);
  up_.erase(name);
}

void Machines::boot(const std::string& name) {
  Machine& m = machine(name);
  const auto file = read_member_file(m.state_dir);
  ASSERT_TRUE(file && *file);
  run(m, **file);
  const std::lock_guard lock(mutex_);
  dead_.erase(name);
  if (!m.witness) up_.insert(name);
}

void Machines::proved_dead(const std::string& name) {
  const std::lock_guard lock(mutex_);
  dead_.insert(name);
}

void Machines::controller(const std::string& name) {
  const std::lock_guard lock(mutex_);
  controller_ = name;
}

std::vector<std::string> Machines::endpoints() {
  for (auto& [name, machine] : machines_)
    if (machine->keeper && !machine->keeper->file().endpoints.empty()) return machine->keeper->file().endpoints;
  return {};
}

Survey Machines::survey() {
  auto around = tl::expected<Survey, std::string>(tl::unexpected(std::string("nobody")));
  for (auto& [name, machine] : machines_) {
    if (!machine->keeper) continue;
    around = machine->keeper->look_around();
    if (around) return *around;
  }
  ADD_FAILURE() << around.error();
  return {};
}

std::vector<std::string> Machines::journal() {
  const std::string folder = engine_key::of(kCluster, path::kNewJournal);
  const auto read = admin()->read(survey().endpoint, folder, 5s);
  std::vector<std::string> lines;
  if (!read) return lines;
  for (const auto& entry : read->entries) {
    const auto record = codec::decode("journal/" + entry.key.substr(folder.size()), entry.value);
    const auto* told = record ? std::get_if<JournalRecord>(&*record) : nullptr;
    EXPECT_NE(told, nullptr) << entry.value;
    if (told != nullptr && told->kind == JournalKind::engine)
      lines.push_back(told->level + " " + told->host.str() + ": " + told->why);
  }
  return lines;
}

std::vector<std::string> Machines::journal_to(const std::string& latest, Duration within) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  auto lines = journal();
  while ((lines.empty() || !lines.back().starts_with(latest)) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(100ms);
    lines = journal();
  }
  EXPECT_TRUE(!lines.empty() && lines.back().starts_with(latest)) << testing::PrintToString(lines);
  return lines;
}

std::vector<std::string> Machines::voters() {
  std::vector<std::string> names;
  for (auto& [host, machine] : machines_) {
    if (!machine->keeper) continue;
    const auto around = machine->keeper->look_around();
    if (!around) continue;
    for (const auto& member : around->members)
      if (!member.member.learner) names.push_back(member.name);
    break;
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool Machines::becomes(const std::vector<std::string>& wanted, Duration within) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  while (std::chrono::steady_clock::now() < deadline) {
    if (voters() == wanted) return true;
    // etcd tells nobody when its members change.
    std::this_thread::sleep_for(200ms);
  }
  std::string said;
  for (const auto& name : voters()) said += name + " ";
  for (auto& [name, machine] : machines_) {
    if (machine->keeper) said += "\n" + name + ": " + machine->keeper->doing() + alarms(name);
  }
  ADD_FAILURE() << "the voters are " << said;
  return false;
}

std::string Machines::alarms(const std::string& name) {
  std::string text;
  for (const auto& alarm : machines_.at(name)->alarms.all()) text += " [" + alarm.text + "]";
  return text;
}

}  // namespace haven::test
