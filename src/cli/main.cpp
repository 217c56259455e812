#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/command_line.hpp"
#include "cli/commands.hpp"
#include "core/model/spelling.hpp"

namespace haven::cli {
namespace {

void add_views(CLI::App& app, Line& line) {
  auto* status_command = command(app, "status", "What is wrong, then hosts and resources", "haven status --json");
  auto status_options = std::make_shared<StatusOptions>();
  status_command->add_flag("--all", status_options->all, "every line, however many");
  status_command->callback([&line, status_options] {
    line.run = [status_options](const Client& c, const Output& o) { return status(c, o, *status_options); };
  });
  auto* explain_command =
      command(app, "explain", "Why a resource is where it is, why not elsewhere, and what if its host died now",
              "haven explain web1");
  auto explained = std::make_shared<std::string>();
  explain_command->add_option("RESOURCE", *explained, "its name in the cluster file")->required();
  explain_command->callback([&line, explained] {
    line.run = [explained](const Client& c, const Output& o) { return explain(c, o, *explained); };
  });
  auto* journal_command =
      command(app, "journal", "What was decided, when and why", "haven journal --follow --resource web1");
  auto journal_options = std::make_shared<JournalOptions>();
  journal_command->add_option("--resource", journal_options->resource, "only about this one");
  journal_command->add_flag("--follow", journal_options->follow, "go on as it grows; with --json an object per entry");
  journal_command->callback([&line, journal_options] {
    line.run = [journal_options](const Client& c, const Output& o) { return journal(c, o, *journal_options); };
  });
}

void add_changes(CLI::App& app, Line& line) {
  auto* apply_command = command(app, "apply", "Judge a cluster file, show what changes, and commit it as a whole",
                                "haven apply /etc/haven/cluster.toml --yes");
  auto apply_options = std::make_shared<ApplyOptions>();
  apply_command->add_option("FILE", apply_options->file, "the cluster file")->required();
  apply_command->add_flag("--yes", apply_options->yes, "do not ask");
  apply_command->add_flag("--unprotected", apply_options->unprotected,
                          "accept what would stay down after the losses that reserve promises to survive");
  apply_command->callback([&line, apply_options] {
    line.run = [apply_options](const Client& c, const Output& o) { return apply(c, o, *apply_options); };
  });
  auto* diff_command = command(app, "diff", "What `apply` would change; exit code 1 where it would change something",
                               "haven diff /etc/haven/cluster.toml");
  auto diff_file = std::make_shared<std::string>();
  diff_command->add_option("FILE", *diff_file, "the cluster file")->required();
  diff_command->callback([&line, diff_file] {
    line.run = [diff_file](const Client& c, const Output& o) { return diff(c, o, *diff_file); };
  });
  auto* protect_command = command(app, "protect", "Add one of this host's libvirt domains to the cluster file",
                                  "haven protect web1 --apply");
  auto protect_options = std::make_shared<ProtectOptions>();
  protect_options->file = "/etc/haven/cluster.toml";
  protect_command->add_option("DOMAIN", protect_options->domain, "its name in libvirt")->required();
  protect_command->add_option("--file", protect_options->file, "the cluster file; made where there is none")
      ->capture_default_str();
  protect_command->add_flag("--apply", protect_options->apply, "and apply the file");
  protect_command->add_flag("--yes", protect_options->yes, "do not ask");
  protect_command->callback([&line, protect_options] {
    line.run = [protect_options](const Client& c, const Output& o) { return protect(c, o, *protect_options); };
  });
}

void add_order(CLI::App& app, Line& line, const std::string& verb, const std::string& text,
               const std::string& example) {
  auto* sub = command(app, verb, text, example);
  auto made = std::make_shared<Order>();
  made->verb = verb;
  sub->add_option("RESOURCE", made->resource, "its name in the cluster file")->required();
  if (verb == "relocate") sub->add_option("HOST", made->host, "where to")->required();
  sub->callback([&line, made] { line.run = [made](const Client& c, const Output& o) { return order(c, o, *made); }; });
}

void add_fence(CLI::App& app, Line& line);
void add_maintenance(CLI::App& app, Line& line);
void add_roll(CLI::App& app, Line& line);

void add_migrate(CLI::App& app, Line& line) {
  auto* sub = command(app, "migrate",
                      "Move it live, and wait until it runs there or stays. Interrupted, it goes on without you",
                      "haven migrate web1 h2");
  auto options = std::make_shared<MigrateOptions>();
  sub->add_option("RESOURCE", options->resource, "its name in the cluster file")->required();
  auto* host = sub->add_option("HOST", options->host, "where to");
  sub->add_flag("--abort", options->abort, "keep it where it is: ends a migration that is under way")->excludes(host);
  sub->add_flag("--no-wait", options->no_wait, "do not wait for its end");
  sub->callback([&line, options] {
    if (options->host.empty() && !options->abort) throw CLI::RequiredError("HOST, or --abort");
    line.run = [options](const Client& c, const Output& o) { return migrate(c, o, *options); };
  });
}

void add_replace(CLI::App& app, Line& line) {
  auto* sub = command(app, "replace",
                      "Replace a guest by a new one: it proves itself without network links, then the links change "
                      "hands, and the old one is kept for a way back. Interrupted, it goes on without you",
                      "haven replace web1 --with web1-new.xml");
  auto options = std::make_shared<ReplaceOptions>();
  sub->add_option("RESOURCE", options->resource, "its name in the cluster file")->required();
  auto* with = sub->add_option("--with", options->with, "the new one's domain XML");
  auto* back = sub->add_flag("--back", options->back, "the old one serves again, and the new one leaves the file");
  auto* finish =
      sub->add_flag("--finish", options->finish, "the new one serves for good, and the old one leaves the file");
  with->excludes(back)->excludes(finish);
  back->excludes(finish);
  sub->add_option("--name", options->name, "of the new one; without it its domain's name")->needs(with);
  sub->add_option("--prove", options->prove, "it is to run for so long without ending")
      ->capture_default_str()
      ->needs(with);
  sub->add_option("--settle", options->settle,
                  "so long the old one runs on beside it, and gets its links back if the new one fails")
      ->capture_default_str()
      ->needs(with);
  sub->add_option("--timeout", options->timeout, "by then it has proved itself, or it is stopped and taken out again")
      ->capture_default_str()
      ->needs(with);
  sub->add_flag("--unprotected", options->unprotected, "accept what may stay down after a loss meanwhile")->needs(with);
  sub->add_flag("--no-wait", options->no_wait, "do not wait for its end");
  sub->callback(
      [&line, options] { line.run = [options](const Client& c, const Output& o) { return replace(c, o, *options); }; });
}

void add_orders(CLI::App& app, Line& line) {
  add_order(app, line, "start", "It shall run", "haven start web1");
  add_order(app, line, "stop", "It shall be stopped", "haven stop web1");
  add_order(app, line, "relocate", "Move it by stop and start", "haven relocate web1 h2");
  add_migrate(app, line);
  add_replace(app, line);
  add_order(app, line, "disable", "It shall be stopped, whatever failed before", "haven disable web1");
  add_order(app, line, "ignore", "Leave it alone, as it is", "haven ignore web1");
  add_order(app, line, "clear", "Forget its failures and try again; of a host, its losses", "haven clear web1");

  auto* freeze =
      command(app, "freeze",
              "Decide nothing, change nothing, until it is off again: for the whole cluster, for a host "
              "(nothing is started or stopped there, and it is not fenced) or for a resource (it stays as it "
              "is)",
              "haven freeze on h1");
  auto state = std::make_shared<std::string>();
  auto frozen = std::make_shared<std::string>();
  freeze->add_option("STATE", *state, "on or off")->required()->check(CLI::IsMember({"on", "off"}));
  freeze->add_option("HOST|RESOURCE", *frozen, "without it the whole cluster");
  freeze->callback([&line, state, frozen] {
    line.run = [state, frozen](const Client& c, const Output& o) {
      return order(c, o, Order{*state == "on" ? "freeze" : "thaw", {}, {}, false, 0, *frozen});
    };
  });
  add_maintenance(app, line);
  add_roll(app, line);
  add_fence(app, line);
}

void add_maintenance(CLI::App& app, Line& line) {
  auto* sub =
      command(app, "maintenance",
              "Take a host out of service: what runs there moves away, and nothing comes; it may then be switched "
              "off. Off again, and what moved goes back. Waits until it is done; to be interrupted without harm",
              "haven maintenance h1 on");
  auto options = std::make_shared<MaintenanceOptions>();
  auto state = std::make_shared<std::string>();
  sub->add_option("HOST", options->host, "its name in the cluster file")->required();
  sub->add_option("STATE", *state, "on or off")->required()->check(CLI::IsMember({"on", "off"}));
  sub->add_flag("--unprotected", options->unprotected,
                "even where fewer losses would be survived meanwhile than reserve promises");
  sub->add_flag(
      "--force", options->force,
      "that, and even where something can run nowhere else (it stays where it is) or the engine would have no "
      "majority without this host");
  sub->add_flag("!--no-wait", options->wait, "do not wait for the moves");
  sub->callback([&line, options, state] {
    options->on = *state == "on";
    line.run = [options](const Client& c, const Output& o) { return maintenance(c, o, *options); };
  });
}

void add_roll(CLI::App& app, Line& line) {
  auto* sub = command(
      app, "roll",
      "Take hosts out of service one after the other, run a command for each, and give it back once it is well. "
      "Stops at the first failure: that host stays out of service, and what goes on from there is told. Ctrl-C lets "
      "a running command end, and stops there. It keeps no state: started again with --hosts and the hosts that are "
      "left, it goes on",
      "haven roll --command 'ssh root@{address} apt-get -y dist-upgrade' --dry-run");
  auto options = std::make_shared<RollOptions>();
  sub->add_option(
         "--command", options->command,
         "for each host; {host} and {address} are filled in. Words and quotes as in a shell, but no shell runs "
         "it; it has no input")
      ->required();
  sub->add_option("--hosts", options->hosts,
                  "only these, with commas between; a host that is out of service already is taken over if named here")
      ->delimiter(',');
  sub->add_option("--at-once", options->at_once, "so many at a time, as far as rules, reserve and the engine allow")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  sub->add_option("--timeout", options->timeout,
                  "for a host to be empty, for its command, for it to be well, for what moved to be back: each")
      ->capture_default_str();
  sub->add_option("--settle", options->settle, "well is who is so for this long")->capture_default_str();
  sub->add_flag("--reboots", options->reboots, "the command boots the host: it is well once it has booted anew");
  sub->add_flag("--unprotected", options->unprotected,
                "even where fewer losses would be survived meanwhile than reserve promises");
  sub->add_flag("--dry-run", options->dry_run,
                "tell the rounds, what would move where, and what would be refused; do nothing");
  sub->callback(
      [&line, options] { line.run = [options](const Client& c, const Output& o) { return roll(c, o, *options); }; });
}

void add_fence(CLI::App& app, Line& line) {
  auto* fence =
      command(app, "fence", "Your word that a host is off, or a try of what switches it off", "haven fence confirm h1");
  auto* confirm = command(*fence, "confirm", "You have seen that this host is off: its resources may start elsewhere",
                          "haven fence confirm h1");
  fence->require_subcommand(1);
  auto made = std::make_shared<Order>();
  made->verb = "fence_confirm";
  confirm->add_option("HOST", made->host, "its name in the cluster file")->required();
  confirm->add_flag("--force", made->force, "even while it seems to live; asks for its name");
  confirm->callback(
      [&line, made] { line.run = [made](const Client& c, const Output& o) { return order(c, o, *made); }; });
  auto* test = command(*fence, "test", "Switch the host off and on by its fence devices; asks for its name",
                       "haven fence test h2");
  auto tried = std::make_shared<Order>();
  tried->verb = "fence_test";
  test->add_option("HOST", tried->host, "its name in the cluster file")->required();
  test->add_option("--level", tried->level, "of its devices; the first without it")->check(CLI::Range(1, 16));
  test->add_flag("--force", tried->force, "even while resources run there: they start elsewhere");
  test->callback(
      [&line, tried] { line.run = [tried](const Client& c, const Output& o) { return order(c, o, *tried); }; });
}

void add_disarm(CLI::App& app, Line& line) {
  auto* sub = command(app, "disarm",
                      "Take Haven off this host: havend stops and stays so, libvirt starts what it likes again. Its "
                      "guests run on; their claims stay with this host, so nobody else starts them",
                      "haven disarm --restore");
  auto options = std::make_shared<DisarmOptions>();
  sub->add_flag("--restore", options->restore, "autostart, libvirt-guests and units as they were before Haven");
  sub->add_flag("--yes", options->yes, "do not ask");
  sub->callback(
      [&line, options] { line.run = [options](const Client&, const Output& o) { return disarm(o, *options); }; });
}

void add_simulate(CLI::App& app, Line& line) {
  auto* sub = command(app, "simulate", "What would happen: the real core in a simulated world. Needs no havend",
                      "haven simulate cluster.toml --kill h1");
  auto options = std::make_shared<SimulateRequest>();
  sub->add_option("FILE", options->file, "the cluster file")->required();
  auto* scenario = sub->add_option("SCENARIO", options->scenario, "a file of statements; without it nothing happens");
  auto* seeds = sub->add_option("--seeds", options->seeds, "so many runs with random faults")->excludes(scenario);
  sub->add_option("--first-seed", options->first_seed, "the first of them")->capture_default_str();
  sub->add_option("--hours", options->hours, "simulated, for each seed")->capture_default_str();
  sub->add_option("--jobs", options->jobs, "seeds at a time; the results are the same")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  sub->add_flag("--vary", options->vary, "each seed changes the file: more hosts, other rules, sizes, orders");
  sub->add_option("--kill", options->kill, "what restarts where if this host dies")
      ->excludes(scenario)
      ->excludes(seeds);
  sub->callback(
      [&line, options] { line.run = [options](const Client&, const Output& o) { return simulate(o, *options); }; });
}

void add_offline(CLI::App& app, Line& line) {
  add_simulate(app, line);
  auto* check_command = command(app, "check", "Does everything still run after every choice of losses? Needs no havend",
                                "haven check cluster.toml --json");
  auto options = std::make_shared<CheckOptions>();
  check_command->add_option("FILE", options->file, "the cluster file")->required();
  check_command->add_option("--mtbf", options->mtbf, "with overbook: mean time from one failure of a host to its next")
      ->capture_default_str();
  check_command->add_option("--mttr", options->mttr, "with overbook: mean time until it is back")
      ->capture_default_str();
  check_command->callback(
      [&line, options] { line.run = [options](const Client&, const Output& o) { return check(o, *options); }; });
}

// What is wrong with a command line, in words better than the parser's where the command itself is misspelt.
Trouble misread(const CLI::App& app, const std::vector<std::string>& words, const std::string& what) {
  std::vector<std::string> known;
  for (const CLI::App* sub : app.get_subcommands(nullptr)) known.push_back(sub->get_name());
  std::size_t place = 0;
  while (place < words.size() && words[place].starts_with("-")) place += words[place] == "--socket" ? 2 : 1;
  if (place < words.size() && std::find(known.begin(), known.end(), words[place]) == known.end()) {
    return trouble(kBadInput, "there is no command \"" + words[place] + "\"", "",
                   closest(words[place], known).value_or("`haven --help` names them"));
  }
  return trouble(kBadInput, what, "", "`haven --help` and `haven COMMAND --help` tell");
}

int run(int argc, char** argv) {
  Line line;
  CLI::App app{"haven: keeps virtual machines running when hosts fail", "haven"};
  app.add_option("--socket", line.socket, "havend's socket")->capture_default_str();
  app.add_flag("--json", line.json, "one JSON object on the last line");
  app.set_version_flag("--version", "haven " HAVEN_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done and as wished, 1 done but not as wished or refused, 2 bad input.\n"
      "Example:\n  haven apply /etc/haven/cluster.toml && haven status");
  add_views(app, line);
  add_changes(app, line);
  add_orders(app, line);
  add_cluster(app, line);
  add_disarm(app, line);
  add_offline(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    const std::vector<std::string> words(argv + 1, argv + argc);
    const bool json = std::find(words.begin(), words.end(), "--json") != words.end();
    return Output(json).fail(misread(app, words, error.what()));
  }
  return line.run(Client(line.socket), Output(line.json));
}

}  // namespace
}  // namespace haven::cli

int main(int argc, char** argv) { return haven::cli::run(argc, argv); }
