// The command line of `haven cluster`.
#include <memory>

#include "cli/command_line.hpp"
#include "cli/commands.hpp"

namespace haven::cli {
namespace {

using Options = std::shared_ptr<ClusterOptions>;

void add_coming(CLI::App& cluster, Line& line) {
  auto* init = command(cluster, "init", "Make this host the first of a cluster: its engine becomes etcd, guests run on",
                       "haven cluster init --name prod --address 10.0.0.1");
  const Options first = std::make_shared<ClusterOptions>();
  init->add_option("--name", first->name, "of the cluster; by default the applied file's");
  init->add_option("--address", first->address, "of this host; by default the applied file's");
  init->callback(
      [&line, first] { line.run = [first](const Client& c, const Output& o) { return cluster_init(c, o, *first); }; });
  auto* invite = command(cluster, "invite", "Make a secret with which one machine may join, once, within an hour",
                         "haven cluster invite");
  invite->callback([&line] { line.run = cluster_invite; });
  for (const bool witness : {false, true}) {
    auto* join = witness ? command(cluster, "witness", "Join as the witness: a vote, and nothing runs here",
                                   "haven cluster witness 10.0.0.1 --secret-file invitation")
                         : command(cluster, "join", "Join the cluster of another host",
                                   "haven cluster join 10.0.0.1 --secret-file invitation");
    const Options options = std::make_shared<ClusterOptions>();
    options->witness = witness;
    join->add_option("ADDRESS", options->at, "of the host on which the secret was made")->required();
    join->add_option("--secret-file", options->secret_file, "what `haven cluster invite` made; - reads standard input")
        ->required();
    join->add_option("--address", options->address, "of this host; by default the one it reaches ADDRESS from");
    join->callback([&line, options] {
      line.run = [options](const Client& c, const Output& o) { return cluster_join(c, o, *options); };
    });
  }
}

void add_going(CLI::App& cluster, Line& line) {
  auto* leave = command(cluster, "leave", "Leave the cluster: what runs here stops and starts elsewhere",
                        "haven cluster leave --yes");
  const Options leaving = std::make_shared<ClusterOptions>();
  leave->add_flag("--yes", leaving->yes, "do not ask");
  leave->callback([&line, leaving] {
    line.run = [leaving](const Client& c, const Output& o) { return cluster_leave(c, o, *leaving); };
  });
  auto* recover = command(cluster, "recover", "Go on from this host's copy when most of the engine is lost for good",
                          "haven cluster recover --lost h2 --lost h3");
  const Options recovering = std::make_shared<ClusterOptions>();
  recover->add_option("--lost", recovering->lost, "a machine that you have seen to be off; asks for its name");
  recover->callback([&line, recovering] {
    line.run = [recovering](const Client& c, const Output& o) { return cluster_recover(c, o, *recovering); };
  });
}

void add_copies(CLI::App& cluster, Line& line) {
  for (const bool back : {false, true}) {
    auto* copy = back ? command(cluster, "restore", "Put a backup into an engine that holds nothing yet",
                                "haven cluster restore /srv/haven.backup")
                      : command(cluster, "backup", "Keep what the engine holds in a file",
                                "haven cluster backup /srv/haven.backup");
    const Options options = std::make_shared<ClusterOptions>();
    copy->add_option("FILE", options->file, "the backup")->required();
    copy->callback([&line, options, back] {
      line.run = [options, back](const Client& c, const Output& o) {
        return back ? cluster_restore(c, o, *options) : cluster_backup(c, o, *options);
      };
    });
  }
}

}  // namespace

void add_cluster(CLI::App& app, Line& line) {
  auto* cluster = command(app, "cluster", "The engine: who votes in it, and how it grows, shrinks and is recovered",
                          "haven cluster status");
  cluster->require_subcommand(1);
  add_coming(*cluster, line);
  auto* status = command(*cluster, "status", "The engine's members, their health, and what is being done about them",
                         "haven cluster status --json");
  status->callback([&line] { line.run = cluster_status; });
  add_going(*cluster, line);
  add_copies(*cluster, line);
}

}  // namespace haven::cli
