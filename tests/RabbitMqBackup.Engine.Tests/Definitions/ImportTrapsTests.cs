using System.Text;
using System.Text.Json;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Definitions;
using RabbitMqBackup.Engine.Tests.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Definitions;

/// <summary>What brokers do with definitions that leave something out, each a silent change when sent as it is.</summary>
public class ImportTrapsTests
{
    public static TheoryData<string> Generations => ["3.10", "4.0", "4.3"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_classic_queue_stays_classic_where_the_default_type_is_another(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await host.SendAsync(HttpMethod.Put, $"vhosts/{host.Path}", """{"default_queue_type":"quorum"}""");

        ImportReport report = await ImportAsync(host, $$$"""{"queues": [{"vhost": "{{{host.Name}}}", "name": "old", "durable": true, "auto_delete": false, "arguments": {"x-max-length": 5}}]}""");

        Assert.True(report.IsComplete, string.Join('\n', report.Items));
        Assert.Equal("classic", (await host.GetAsync($"queues/{host.Path}/old")).GetProperty("type").GetString());
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_virtual_host_of_which_only_the_name_is_known_keeps_what_it_has(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await host.SendAsync(HttpMethod.Put, $"vhosts/{host.Path}", """{"description":"kept","tags":"a","default_queue_type":"quorum"}""");
        string before = (await host.GetAsync($"vhosts/{host.Path}")).GetProperty("metadata").ToString();

        ImportReport report = await ImportAsync(host, $$$"""{"vhosts": [{"name": "{{{host.Name}}}"}], "exchanges": [{"vhost": "{{{host.Name}}}", "name": "new", "type": "topic"}]}""");

        Assert.Equal([ImportOutcome.Equal, ImportOutcome.Created], report.Items.Select(item => item.Outcome));
        Assert.Equal(before, (await host.GetAsync($"vhosts/{host.Path}")).GetProperty("metadata").ToString());
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task What_a_file_leaves_out_is_what_4_x_takes_for_it_on_every_generation(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        string user = $"{host.Name}-user";
        try
        {
            ImportReport report = await ImportAsync(host, $$$"""
                {
                  "users": [{"name": "{{{user}}}"}],
                  "exchanges": [{"vhost": "{{{host.Name}}}", "name": "ex", "type": "topic"}],
                  "queues": [{"vhost": "{{{host.Name}}}", "name": "q"}],
                  "bindings": [{"vhost": "{{{host.Name}}}", "source": "ex", "destination": "q", "routing_key": "a"}],
                  "policies": [{"vhost": "{{{host.Name}}}", "name": "p", "pattern": "x", "definition": {"max-length": 1}}]
                }
                """);

            Assert.True(report.IsComplete, string.Join('\n', report.Items));
            Assert.Equal(5, report.Created);
            JsonElement queue = await host.GetAsync($"queues/{host.Path}/q"), exchange = await host.GetAsync($"exchanges/{host.Path}/ex");
            Assert.Equal((true, false), (queue.GetProperty("durable").GetBoolean(), queue.GetProperty("auto_delete").GetBoolean()));
            Assert.Equal((true, false, false), (exchange.GetProperty("durable").GetBoolean(), exchange.GetProperty("auto_delete").GetBoolean(), exchange.GetProperty("internal").GetBoolean()));
            Assert.Equal("", (await host.GetAsync($"users/{user}")).GetProperty("password_hash").GetString());
        }
        finally
        {
            await host.SendAsync(HttpMethod.Delete, $"users/{user}");
        }
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_password_in_a_file_becomes_a_hash_that_counts_as_the_same_and_is_never_shown(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        string user = $"{host.Name}-user";
        string json = $$$"""{"users": [{"name": "{{{user}}}", "password": "canary-word", "tags": []}]}""";
        try
        {
            ImportReport first = await ImportAsync(host, json);
            ImportReport again = await ImportAsync(host, json);
            ImportPlan other = await new DefinitionsImporter(LogMessages.Silent.Instance).PlanAsync(Options(host, json.Replace("canary-word", "canary-other", StringComparison.Ordinal)), Cancel);

            Assert.Equal([ImportOutcome.Created], first.Items.Select(item => item.Outcome));
            Assert.Equal([ImportOutcome.Equal], again.Items.Select(item => item.Outcome));
            Assert.Equal([ImportOutcome.Changed], other.Items.Select(item => item.Outcome));
            Assert.All(other.Items.Concat(first.Items), item => Assert.DoesNotContain("canary", $"{item} {item.Reason} {item.ToException()}"));
            Assert.DoesNotContain("canary", Encoding.UTF8.GetString(DefinitionsTransformations.Apply(DefinitionsDocument.Parse(Encoding.UTF8.GetBytes(json), "f"), ["RedactSecrets"]).Document.ToJson()));
        }
        finally
        {
            await host.SendAsync(HttpMethod.Delete, $"users/{user}");
        }
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task What_refers_to_something_that_is_nowhere_is_foretold_and_reported(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        ImportOptions options = Options(host, $$$"""
            {
              "permissions": [{"user": "nobody", "vhost": "{{{host.Name}}}", "configure": "", "write": "", "read": ""}],
              "queues": [{"vhost": "{{{host.Name}}}", "name": "q", "misspelt": 1}],
              "bindings": [
                {"vhost": "{{{host.Name}}}", "source": "amq.topic", "destination": "q", "routing_key": "a"},
                {"vhost": "{{{host.Name}}}", "source": "nowhere", "destination": "q", "routing_key": "a"},
                {"vhost": "{{{host.Name}}}", "source": "amq.topic", "destination": "none", "routing_key": "a"}
              ],
              "exchanges": [
                {"vhost": "{{{host.Name}}}", "name": "", "type": "topic"}
              ]
            }
            """);
        DefinitionsImporter importer = new(LogMessages.Silent.Instance);

        ImportPlan plan = await importer.PlanAsync(options, Cancel);
        ImportReport report = await importer.ExecuteAsync(plan, null, Cancel);

        Assert.Contains("queues[0] ('q') has \"misspelt\"", Assert.Single(plan.Warnings));
        Assert.Equal(["no user 'nobody'", "no exchange 'nowhere'", "no queue 'none'"], plan.Items.Where(item => item.Reason.StartsWith("there is", StringComparison.Ordinal)).Select(item => item.Reason.Split("there is ")[1].Split(" in ")[0].Split(',')[0]));
        Assert.Equal((2, 4), (report.Created, report.Failed));
        Assert.Contains("name of it is empty", report.Items.Single(item => item.Kind == DefinitionKind.Exchange).Reason);
        Assert.All(report.Items.Where(item => item.Outcome is ImportOutcome.Failed), item => Assert.NotEmpty(item.Reason));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task What_nobody_could_address_is_not_made(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);

        ImportReport report = await ImportAsync(host, $$$"""
            {
              "queues": [
                {"vhost": "{{{host.Name}}}", "name": "a\nb"}, {"vhost": "{{{host.Name}}}", "name": "{{{new string('x', 256)}}}"}, {"vhost": "{{{host.Name}}}", "name": "amq.gen-1"},
                {"vhost": "{{{host.Name}}}", "name": "{{{new string('y', 255)}}}"}
              ],
              "exchanges": [{"vhost": "{{{host.Name}}}", "name": "e\r", "type": "topic"}],
              "bindings": [{"vhost": "{{{host.Name}}}", "source": "", "destination": "q", "destination_type": "queue", "routing_key": "q"}]
            }
            """);

        Assert.Equal(["has a line break", "has a line break", "is longer than 255", "a broker gave it"], report.Items.Where(item => item.Outcome is ImportOutcome.Failed)
            .Select(item => new[] { "has a line break", "is longer than 255", "a broker gave it" }.Single(reason => item.Reason.Contains(reason, StringComparison.Ordinal))));
        Assert.Equal((1, 1), (report.Created, report.Skipped));
        Assert.Equal(new string('y', 255), Assert.Single((await DefinitionsExporter.ExportAsync(host.Options, new() { VirtualHosts = [host.Name] }, Cancel)).Queues).Name);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_user_of_whom_the_file_tells_no_password_keeps_it(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        BrokerOptions user = await host.AddUserAsync("monitoring");

        ImportReport report = await ImportAsync(host, $$$"""{"users": [{"name": "{{{user.Credential.UserName}}}", "tags": ["management"]}]}""");

        Assert.Equal([ImportOutcome.Changed], report.Items.Select(item => item.Outcome));
        using ManagementClient management = new(user);
        Assert.Equal(user.Credential.UserName, (await management.WhoAmIAsync(Cancel)).Name);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Redacted_definitions_take_no_secret_away(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        BrokerOptions user = await host.AddUserAsync("monitoring");
        await host.SendAsync(HttpMethod.Put, $"parameters/federation-upstream/{host.Path}/up", """{"value":{"uri":"amqps://u:secret-word@localhost:1?password=secret-word"}}""");
        DefinitionsDocument before = await DefinitionsExporter.ExportAsync(host.Options, new() { VirtualHosts = [host.Name], Users = [user.Credential.UserName], Parameters = ["up"] }, Cancel);

        ImportReport report = await RunAsync(new() { Broker = host.Options, Document = before, Edit = new() { Transformations = ["RedactSecrets"] } });

        Assert.Equal(["parameter 'federation-upstream/up'", $"user '{user.Credential.UserName}'"], report.Items.Where(item => item.Outcome is ImportOutcome.Skipped).Select(item => item.Object.Split(" in ")[0]).Order());
        Assert.Equal(
            before.Objects.Select(item => item.ToJson()).Order(),
            (await DefinitionsExporter.ExportAsync(host.Options, new() { VirtualHosts = [host.Name], Users = [user.Credential.UserName], Parameters = ["up"] }, Cancel)).Objects.Select(item => item.ToJson()).Order());
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task The_user_that_imports_is_not_locked_out_in_the_middle(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        BrokerOptions importer = await host.AddUserAsync("administrator");
        string json = $$$"""
            {
              "users": [{"name": "{{{importer.Credential.UserName}}}", "password": "another-word", "tags": ["administrator"]}],
              "queues": [{"vhost": "{{{host.Name}}}", "name": "q"}]
            }
            """;

        ImportReport locked = await RunAsync(Options(host, json) with { Broker = importer });
        ImportReport same = await RunAsync(Options(host, json.Replace("another-word", importer.Credential.Password, StringComparison.Ordinal).Replace("[\"administrator\"]", "\"administrator,policymaker\"", StringComparison.Ordinal)) with { Broker = importer });

        Assert.Equal([ImportOutcome.Skipped, ImportOutcome.Created], locked.Items.Select(item => item.Outcome));
        Assert.Contains("the user that imports", locked.Items[0].Reason);
        Assert.Equal([ImportOutcome.Changed, ImportOutcome.Equal], same.Items.Select(item => item.Outcome));
    }

    private static ImportOptions Options(ManagedVirtualHost host, string json) => new() { Broker = host.Options, Document = DefinitionsDocument.Parse(Encoding.UTF8.GetBytes(json), "test") };

    private static Task<ImportReport> ImportAsync(ManagedVirtualHost host, string json) => RunAsync(Options(host, json));

    private static async Task<ImportReport> RunAsync(ImportOptions options)
    {
        DefinitionsImporter importer = new(LogMessages.Silent.Instance);
        return await importer.ExecuteAsync(await importer.PlanAsync(options, Cancel), null, Cancel);
    }
}
