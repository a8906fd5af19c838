using System.Diagnostics;
using System.Text;
using RabbitMqBackup.Engine.Definitions;
using RabbitMqBackup.Engine.Tests.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Definitions;

/// <summary>Many queues and bindings. RABBITMQ_TEST_LONG=1 takes 10,000 and 20,000 on each generation. Alone, since the memory of the process is measured.</summary>
[CollectionDefinition(nameof(BigDefinitionsTests), DisableParallelization = true)]
[Collection(nameof(BigDefinitionsTests))]
public sealed class BigDefinitionsTests(ITestOutputHelper output)
{
    private const int Exchanges = 100;

    // Two copies as JSON, two as objects, their indexes, and what waits for the garbage collector.
    private const int BytesPerObject = 12_000;

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("RABBITMQ_TEST_LONG") == "1";
    private static readonly int Queues = IsLong ? 10_000 : 1_000;

    public static TheoryData<string> Generations => IsLong ? ["3.10", "4.0", "4.3"] : ["4.3"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Import_export_compare_and_undo_stay_within_bounds(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        string name = host.Name + "-big";
        DefinitionsDocument document = DefinitionsDocument.Parse(Definitions(name), "big");
        DefinitionsImporter importer = new(LogMessages.Silent.Instance);
        Steps steps = new();
        using PeakMemory memory = new();
        try
        {
            ImportPlan plan = await Timed("plan", () => importer.PlanAsync(new() { Broker = host.Options, Document = document }, Cancel));
            ImportReport report = await Timed("import", () => importer.ExecuteAsync(plan, steps, Cancel));
            Assert.True(report.IsComplete, string.Join('\n', report.Items.Where(item => item.Outcome is not ImportOutcome.Created).Take(10)));
            Assert.Equal(document.Objects.Count, report.Items.Count(item => item.Kind != DefinitionKind.Permission));
            steps.Check(document.Objects.Count);

            DefinitionsDocument now = await Timed("export", () => DefinitionsExporter.ExportAsync(host.Options, new() { VirtualHosts = [name] }, Cancel));
            Assert.Equal((Queues, 2 * Queues), (now.Queues.Count, now.Bindings.Count));
            Assert.Empty(await Timed("compare", () => Task.FromResult(DefinitionsComparison.Compare(document, now).Where(difference => difference.Kind != DefinitionKind.Permission).ToList())));

            ImportPlan again = await Timed("plan again", () => importer.PlanAsync(new() { Broker = host.Options, Document = now }, Cancel));
            Assert.All(again.Items, item => Assert.Equal(ImportOutcome.Equal, item.Outcome));

            UndoPlan undo = await Timed("plan of the undo", () => importer.PlanUndoAsync(host.Options, report, false, null, Cancel));
            ImportReport undone = await Timed("undo", () => importer.UndoAsync(undo, null, Cancel));
            Assert.True(undone.IsComplete, string.Join('\n', undone.Items.Where(item => item.Outcome is ImportOutcome.Failed or ImportOutcome.Conflict).Take(10)));
            Assert.DoesNotContain(name, await host.Management.ListVirtualHostsAsync(Cancel));
        }
        finally
        {
            await host.Management.DeleteVirtualHostAsync(name, CancellationToken.None);
        }

        output.WriteLine($"growth of the managed heap: {memory.Growth >> 20} MiB for {document.Objects.Count} objects, {document.ToJson().Length >> 10} KiB of JSON");
        Assert.True(memory.Growth < (100 << 20) + ((long)document.Objects.Count * BytesPerObject), $"{memory.Growth >> 20} MiB");
    }

    private async Task<T> Timed<T>(string what, Func<Task<T>> work)
    {
        long start = Stopwatch.GetTimestamp();
        T result = await work();
        output.WriteLine($"{what}: {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
        return result;
    }

    private static byte[] Definitions(string host)
    {
        StringBuilder json = new($$$"""{"vhosts":[{"name":"{{{host}}}"}],"exchanges":[""");
        json.AppendJoin(',', Enumerable.Range(0, Exchanges).Select(i => $$$"""{"vhost":"{{{host}}}","name":"exchange-{{{i:000}}}","type":"topic","durable":true,"auto_delete":false,"internal":false,"arguments":{}}"""));
        json.Append("],\"queues\":[");
        json.AppendJoin(',', Enumerable.Range(0, Queues).Select(i =>
            $$$"""{"vhost":"{{{host}}}","name":"application.orders.{{{i:00000}}}","durable":true,"auto_delete":false,"arguments":{"x-max-length":{{{1000 + i}}},"x-dead-letter-exchange":"exchange-000"}}"""));
        json.Append("],\"bindings\":[");
        json.AppendJoin(',', Enumerable.Range(0, 2 * Queues).Select(i =>
            $$$"""{"vhost":"{{{host}}}","source":"exchange-{{{i % Exchanges:000}}}","destination":"application.orders.{{{i / 2:00000}}}","destination_type":"queue","routing_key":"orders.{{{i}}}.#","arguments":{}}"""));
        return Encoding.UTF8.GetBytes(json.Append("]}").ToString());
    }

    /// <summary>Progress as it was reported.</summary>
    private sealed class Steps : IProgress<OperationProgress>
    {
        private readonly List<OperationProgress> _all = [];

        public void Report(OperationProgress value) => _all.Add(value);

        internal void Check(int total)
        {
            Assert.True(_all.Count > Queues / 100);
            Assert.All(_all, step => Assert.Equal(("objects", (long?)total), (step.Unit, step.TotalMessages)));
            Assert.Equal(_all.Select(step => step.Messages).Order(), _all.Select(step => step.Messages));
            Assert.Equal(total, _all[^1].Messages);
        }
    }

    /// <summary>How much the managed heap grew at most while this lives; what tests before it have left there is none of it.</summary>
    private sealed class PeakMemory : IDisposable
    {
        private readonly Timer _timer;
        private readonly long _before = GC.GetTotalMemory(forceFullCollection: true);
        private long _peak;

        internal PeakMemory()
        {
            _timer = new(_ => _peak = Math.Max(_peak, GC.GetTotalMemory(forceFullCollection: false)), null, TimeSpan.Zero, TimeSpan.FromMilliseconds(20));
        }

        internal long Growth => _peak - _before;

        public void Dispose() => _timer.Dispose();
    }
}
