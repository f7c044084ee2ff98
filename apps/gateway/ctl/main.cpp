// gatewayctl: looks at a running gateway and tells it what to do, over its control socket; and
// reads journals. What a command answers is the gateway's business: this shows whatever comes.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "gateway/config/load.h"
#include "gateway/ctl/client.h"
#include "gateway/ctl/journal.h"
#include "gateway/ctl/table.h"
#include "gateway/ctl/top.h"

namespace {

using namespace pinion::gatewayctl;

struct Choice {
  std::string state_dir = "/var/lib/pinion-gateway", socket;
  bool json = false;
  std::string session, symbol;
  bool open = false;
  std::vector<std::string> reason;

  std::string command;          // the line for the gateway
  const char* when_empty = "";  // what an answer without a line means

  std::string path() const { return socket.empty() ? state_dir + "/control.sock" : socket; }
};

// One command, one answer. What came before a failure is shown as well.
Status ask(const Choice& choice) {
  Client client(choice.path());
  std::string why;
  if (const Status status = client.connect(why); status != kGood) return fail(status, why);
  std::vector<std::string> lines;
  const Status status = client.ask(choice.command, lines, why);
  if (choice.json) {
    for (const std::string& line : lines) std::printf("%s\n", line.c_str());
  } else {
    std::fputs(to_text(lines).c_str(), stdout);
    if (lines.empty() && status == kGood) std::fputs(choice.when_empty, stdout);
  }
  return status == kGood ? kGood : fail(status, why);
}

Status run_top(const Choice& choice) {
  Client client(choice.path());
  std::string why;
  if (const Status status = client.connect(why); status != kGood) return fail(status, why);
  return top(client);
}

Status check(const std::string& file) {
  pinion::gateway::Config config;
  pinion::gateway::ConfigErrors errors;
  if (pinion::gateway::load_file(file, config, errors) == 0) {
    std::printf("%s: good\n", file.c_str());
    return kGood;
  }
  std::fputs(pinion::config::format_errors(errors).c_str(), stderr);
  return kRefused;
}

// A word of a command line of the gateway.
const CLI::Validator kWord(
    [](std::string& text) {
      return text.empty() || text.find_first_of(" \n") != std::string::npos
                 ? "'" + text + "' is no name: expected one without spaces"
                 : std::string();
    },
    "NAME");

void add_looks(CLI::App& app, Choice& choice) {
  const auto plain = [&](const char* word, const char* help, const char* when_empty = "") {
    app.add_subcommand(word, help)->callback([&choice, word, when_empty] {
      choice.command = word;
      choice.when_empty = when_empty;
    });
  };
  plain("status", "State, sessions, venue, market data, journal, latencies");
  plain("sessions", "Each client session: state, numbers, what it counted", "no sessions\n");
  plain("positions", "Shares of each session and symbol, long above 0", "no positions\n");
  plain("reload", "Reads the risk limits again, and applies all of them or none");
  plain("unkill", "Takes the kill switch back: new orders pass again");
}

void add_orders(CLI::App& app, Choice& choice) {
  auto* orders = app.add_subcommand("orders", "The day's orders");
  orders->add_option("--session", choice.session, "Of this session alone")->check(kWord);
  orders->add_flag("--open", choice.open, "Only those that can still trade");
  orders->callback([&choice] {
    choice.command = "orders";
    if (!choice.session.empty()) choice.command += " session=" + choice.session;
    if (choice.open) choice.command += " open";
    choice.when_empty = "no orders\n";
  });
}

void add_book(CLI::App& app, Choice& choice) {
  auto* book = app.add_subcommand("book", "The order book of a symbol, as the feed has it");
  book->add_option("symbol", choice.symbol, "Such as AAPL")->required()->check(kWord);
  book->callback([&choice] {
    choice.command = "book " + choice.symbol;
    choice.when_empty = "the book is empty\n";
  });
}

void add_kill(CLI::App& app, Choice& choice) {
  auto* kill = app.add_subcommand(
      "kill", "Throws the kill switch: no new order passes, also after a restart, until unkill");
  kill->add_option("reason", choice.reason, "For the journal and for whoever looks next");
  kill->callback([&choice] {
    choice.command = "kill";
    for (const std::string& word : choice.reason) choice.command += " " + word;
  });
}

// What a full disk has cut short is not said: a script must not take it for all.
int said(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  std::fprintf(stderr, "gatewayctl: standard output: %s\n", std::strerror(errno));
  return 3;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Looks at a running trading gateway and tells it what to do; reads its journal, and checks\n"
      "its configuration.\n"
      "Exit status: 0; 1: the gateway refused, the journal is damaged, the configuration wrong,\n"
      "and stderr says why;\n"
      "2: no gateway answers there, or nothing can be read; 3: what there is to say cannot be\n"
      "written; 100 and above: wrong arguments."};
  app.fallthrough();  // before the commands, which inherit it: options may stand behind them
  Choice choice;
  auto* directory = app.add_option("--state-dir", choice.state_dir,
                                   "The gateway's state_dir: its socket is control.sock in it")
                        ->envname("PINION_GATEWAY_STATE")
                        ->capture_default_str();
  app.add_option("--socket", choice.socket, "The socket itself")->excludes(directory);
  app.add_flag("--json", choice.json, "A JSON object a line instead of tables");
  add_looks(app, choice);
  auto* top = app.add_subcommand("top", "The status each second, until q or Ctrl-C");
  add_orders(app, choice);
  add_book(app, choice);
  add_kill(app, choice);
  std::string file = "/etc/pinion/gateway.yaml", journal_directory;
  auto* checked = app.add_subcommand("check", "Everything that is wrong with a configuration file");
  checked->add_option("file", file, "The gateway's configuration, YAML")->capture_default_str();
  auto* journal = app.add_subcommand("journal", "Looks at a journal directory, without a gateway");
  auto* dump = journal->add_subcommand("dump", "A line a record, and whether it is whole");
  auto* verify = journal->add_subcommand("verify", "Only whether it is whole");
  for (auto* command : {dump, verify})
    command->add_option("directory", journal_directory, "journal.dir")->required();
  journal->require_subcommand(1);
  app.require_subcommand(1);
  CLI11_PARSE(app, argc, argv);
  if (checked->parsed()) return said(check(file));
  if (journal->parsed()) return said(look_at_journal(journal_directory, dump->parsed()));
  return said(top->parsed() ? run_top(choice) : ask(choice));
}
