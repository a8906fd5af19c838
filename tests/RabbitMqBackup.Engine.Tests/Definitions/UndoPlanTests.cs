using System.Text;
using RabbitMqBackup.Engine.Definitions;
using RabbitMqBackup.Engine.Tests.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Definitions;

/// <summary>Taking back what is not as the import left it.</summary>
public class UndoPlanTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static DefinitionsImporter Importer => new(LogMessages.Silent.Instance);

    [Fact]
    public async Task An_import_that_was_killed_half_way_is_taken_back_by_the_record_that_was_written_before()
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync("4.3");
        await host.PutPolicyAsync("p", """{"pattern":"^a","definition":{"max-length":1}}""");
        DefinitionsDocument before = await ExportAsync(host);
        ImportPlan plan = await PlanAsync(host, $$$"""
            {
              "policies": [{"vhost": "{{{host.Name}}}", "name": "p", "pattern": "^b", "definition": {"max-length": 1}}],
              "queues": [{"vhost": "{{{host.Name}}}", "name": "one"}, {"vhost": "{{{host.Name}}}", "name": "two"}]
            }
            """);
        byte[] record = ImportReportFile.Write(plan.ToReport());
        await Importer.ExecuteAsync(plan with { Items = [.. plan.Items.Take(2)] }, null, Cancel);

        ImportReport read = ImportReportFile.Read(record, "undo.json");
        UndoPlan undo = await Importer.PlanUndoAsync(host.Options, read, false, null, Cancel);
        Assert.Equal(["one Removed", "two Equal", "p Changed"], undo.Items.Select(item => $"{item.Definition.Name} {item.Outcome}").OrderBy(text => text[0] == 'p'));
        Assert.True((await Importer.UndoAsync(undo, null, Cancel)).IsComplete);

        Assert.Empty(DefinitionsComparison.Compare(before, await ExportAsync(host)));
        Assert.Equal((plan.Target, plan.Items.Count), (read.Target, read.Items.Count));
    }

    [Fact]
    public async Task What_somebody_changed_since_stays_unless_forced()
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync("4.3");
        await host.PutPolicyAsync("there", """{"pattern":"^a","definition":{"max-length":1}}""");
        DefinitionsDocument before = await ExportAsync(host);
        ImportReport report = await Importer.ExecuteAsync(
            await PlanAsync(host, $$$"""
                {
                  "policies": [
                    {"vhost": "{{{host.Name}}}", "name": "there", "pattern": "^b", "definition": {"max-length": 1}},
                    {"vhost": "{{{host.Name}}}", "name": "new", "pattern": "^b", "definition": {"max-length": 1}},
                    {"vhost": "{{{host.Name}}}", "name": "untouched", "pattern": "^b", "definition": {"max-length": 1}}
                  ]
                }
                """),
            null,
            Cancel);
        await host.PutPolicyAsync("there", """{"pattern":"^mine","definition":{"max-length":1}}""");
        await host.PutPolicyAsync("new", """{"pattern":"^b","definition":{"max-length":2}}""");

        ImportReport careful = await UndoAsync(host, report, force: false);
        Assert.Equal(["new Conflict", "there Conflict", "untouched Removed"], careful.Items.Select(item => $"{item.Definition.Name} {item.Outcome}").Order());
        Assert.Contains("it was changed since: definition.max-length is 1, wanted 2", careful.Items.Single(item => item.Definition.Name == "new").Reason);
        Assert.Equal("^mine", (await host.GetAsync($"policies/{host.Path}/there")).GetProperty("pattern").GetString());

        Assert.True((await UndoAsync(host, report, force: true)).IsComplete);
        Assert.Empty(DefinitionsComparison.Compare(before, await ExportAsync(host)));
    }

    [Fact]
    public async Task A_virtual_host_with_something_of_others_stays()
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync("4.3");
        string added = host.Name + "-added";
        ImportReport report = await Importer.ExecuteAsync(await PlanAsync(host, $$$"""{"exchanges": [{"vhost": "{{{added}}}", "name": "ours", "type": "topic"}]}"""), null, Cancel);
        await using ManagedVirtualHost cleanUp = await ManagedVirtualHost.CreateAsync("4.3", added);
        await host.SendAsync(HttpMethod.Put, $"exchanges/{added}/theirs", """{"type":"topic","durable":true}""");

        ImportReport undone = await UndoAsync(host, report, force: false);

        Assert.Equal(
            ["Failed Permission", "Failed VirtualHost", "Removed Exchange"],
            undone.Items.Select(item => $"{item.Outcome} {item.Kind}").Order());
        Assert.Contains("'theirs'", undone.Items.Single(item => item.Kind == DefinitionKind.VirtualHost).Reason);
    }

    [Fact]
    public async Task What_others_built_upon_stays_also_when_forced()
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync("4.3");
        string user = host.Name + "-user";
        await host.SendAsync(HttpMethod.Put, $"exchanges/{host.Path}/theirs", """{"type":"topic","durable":true}""");
        ImportReport report = await Importer.ExecuteAsync(
            await PlanAsync(host, $$$"""
                {
                  "users": [{"name": "{{{user}}}", "password_hash": "", "tags": ""}, {"name": "{{{user}}}-free", "password_hash": "", "tags": ""}],
                  "exchanges": [{"vhost": "{{{host.Name}}}", "name": "ours", "type": "topic"}, {"vhost": "{{{host.Name}}}", "name": "free", "type": "topic"}],
                  "queues": [{"vhost": "{{{host.Name}}}", "name": "q"}],
                  "bindings": [
                    {"vhost": "{{{host.Name}}}", "source": "free", "destination": "q", "routing_key": ""},
                    {"vhost": "{{{host.Name}}}", "source": "free", "destination": "ours", "destination_type": "exchange", "routing_key": ""}
                  ]
                }
                """),
            null,
            Cancel);
        try
        {
            await host.SendAsync(HttpMethod.Post, $"bindings/{host.Path}/e/theirs/e/ours", """{"routing_key":"a","arguments":{}}""");
            await host.SendAsync(HttpMethod.Put, $"permissions/{host.Path}/{user}", """{"configure":"","write":"","read":""}""");

            ImportReport undone = await UndoAsync(host, report, force: true);

            Assert.Equal(
                ["exchange 'ours'", $"user '{user}'"],
                undone.Items.Where(item => item.Outcome is ImportOutcome.Failed).Select(item => item.Object.Split(" in ")[0]).Order());
            Assert.All(undone.Items.Where(item => item.Outcome is ImportOutcome.Failed), item => Assert.StartsWith("it has what the import did not make or what stays, e.g. the ", item.Reason));
            Assert.Equal(5, undone.Removed);
            Assert.Single((await ExportAsync(host)).Bindings);
        }
        finally
        {
            await host.SendAsync(HttpMethod.Delete, $"users/{user}");
        }
    }

    [Theory]
    [InlineData("{}", ErrorCode.DefinitionInvalid)]
    [InlineData("not json", ErrorCode.DefinitionInvalid)]
    [InlineData("""{"rabbitmq_import": 2}""", ErrorCode.FormatTooNew)]
    [InlineData("""{"rabbitmq_import": 1, "items": [{"kind": "queues", "outcome": "Created", "object": {"name": 7}}], "snapshot": {}}""", ErrorCode.DefinitionInvalid)]
    [InlineData("""{"rabbitmq_import": 1, "items": [{"kind": "no-such", "outcome": "Created", "object": {}}], "snapshot": {}}""", ErrorCode.DefinitionInvalid)]
    [InlineData("""{"rabbitmq_import": 1, "items": []}""", ErrorCode.DefinitionInvalid)]
    public void What_is_no_record_of_an_import_is_refused(string json, ErrorCode code) =>
        Assert.Equal(code, Assert.Throws<RabbitBackupException>(() => ImportReportFile.Read(Encoding.UTF8.GetBytes(json), "undo.json")).Code);

    private static Task<DefinitionsDocument> ExportAsync(ManagedVirtualHost host) => DefinitionsExporter.ExportAsync(host.Options, new() { VirtualHosts = [host.Name] }, Cancel);

    private static Task<ImportPlan> PlanAsync(ManagedVirtualHost host, string json) => Importer.PlanAsync(new() { Broker = host.Options, Document = DefinitionsDocument.Parse(Encoding.UTF8.GetBytes(json), "test") }, Cancel);

    private static async Task<ImportReport> UndoAsync(ManagedVirtualHost host, ImportReport report, bool force) => await Importer.UndoAsync(await Importer.PlanUndoAsync(host.Options, report, force, null, Cancel), null, Cancel);
}
