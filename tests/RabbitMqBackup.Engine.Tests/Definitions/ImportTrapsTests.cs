using System.Text;
using System.Text.Json;
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
              ]
            }
            """);
        DefinitionsImporter importer = new(LogMessages.Silent.Instance);

        ImportPlan plan = await importer.PlanAsync(options, Cancel);
        ImportReport report = await importer.ExecuteAsync(plan, null, Cancel);

        Assert.Contains("queues[0] ('q') has \"misspelt\"", Assert.Single(plan.Warnings));
        Assert.Equal(["no user 'nobody'", "no exchange 'nowhere'", "no queue 'none'"], plan.Items.Where(item => item.Reason.Length > 0).Select(item => item.Reason.Split("there is ")[1].Split(" in ")[0].Split(',')[0]));
        Assert.Equal((2, 3), (report.Created, report.Failed));
        Assert.All(report.Items.Where(item => item.Outcome is ImportOutcome.Failed), item => Assert.NotEmpty(item.Reason));
    }

    private static ImportOptions Options(ManagedVirtualHost host, string json) => new() { Broker = host.Options, Document = DefinitionsDocument.Parse(Encoding.UTF8.GetBytes(json), "test") };

    private static async Task<ImportReport> ImportAsync(ManagedVirtualHost host, string json)
    {
        DefinitionsImporter importer = new(LogMessages.Silent.Instance);
        return await importer.ExecuteAsync(await importer.PlanAsync(Options(host, json), Cancel), null, Cancel);
    }
}
