using System.Text.Json;

namespace RabbitMqBackup.TestHost;

/// <summary>A cluster of three nodes on loopback, from Debian's packages, whose nodes can be stopped, killed and started one by one. Disposing it ends them and deletes their data.</summary>
public sealed class TestCluster : IAsyncDisposable
{
    private const int Size = 3;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Dictionary<string, OwnTestBroker> _names = [];
    private readonly HashSet<OwnTestBroker> _dead = [];

    private TestCluster(IReadOnlyList<OwnTestBroker> nodes) => Nodes = nodes;

    /// <summary>The nodes; the others have joined the first.</summary>
    public IReadOnlyList<OwnTestBroker> Nodes { get; }

    /// <summary>Starts the first node, then the others side by side, and waits until each sees all of them.</summary>
    /// <param name="generation">"3.10", "4.0" or "4.3".</param>
    /// <param name="extraConfiguration">Lines for the <c>rabbitmq.conf</c> of each.</param>
    /// <exception cref="TestServerUnavailableException">There is no way to get one here.</exception>
    public static async Task<TestCluster> StartAsync(string generation, string extraConfiguration = "")
    {
        BrokerGeneration known = BrokerGeneration.Of(generation);
        List<OwnTestBroker> nodes = [];
        try
        {
            PackagedNode first = await AddAsync(null);
            await Task.WhenAll(Enumerable.Range(1, Size - 1).Select(_ => AddAsync(first)));
            TestCluster cluster = new(nodes);
            foreach (OwnTestBroker node in nodes)
            {
                cluster._names[(await JsonAsync(node, "overview")).GetProperty("node").GetString()!] = node;
            }

            await cluster.AwaitAsync();
            return cluster;
        }
        catch
        {
            await DisposeAsync(nodes);
            throw;
        }

        async Task<PackagedNode> AddAsync(PackagedNode? first)
        {
            PackagedNode node = await PackagedNode.StartNewAsync(known, extraConfiguration, first);
            OwnTestBroker broker = await TestBroker.OwnAsync(node);
            lock (nodes)
            {
                nodes.Add(broker);
            }

            return node;
        }
    }

    /// <summary>The broker's name of a node, e.g. <c>rabbit@localhost</c>.</summary>
    public string NameOf(OwnTestBroker node) => _names.Single(pair => pair.Value == node).Key;

    /// <summary>The node of that name.</summary>
    public OwnTestBroker NodeOf(string name) => _names[name];

    /// <summary>Ends nodes as a power cut does, side by side; their data stay.</summary>
    public async Task KillAsync(params OwnTestBroker[] nodes)
    {
        await Task.WhenAll(nodes.Select(node => node.KillAsync()));
        _dead.UnionWith(nodes);
    }

    /// <summary>Starts the nodes that were killed, side by side, and waits until each sees all of them.</summary>
    public async Task StartAllAsync()
    {
        await Task.WhenAll(_dead.Select(node => node.StartAsync()));
        _dead.Clear();
        await AwaitAsync();
    }

    /// <summary>Waits until every node answers and sees all of them running.</summary>
    public async Task AwaitAsync()
    {
        foreach (OwnTestBroker node in Nodes)
        {
            for (DateTime deadline = DateTime.UtcNow + Patience; !await SeesAllAsync(node); await Task.Delay(200))
            {
                if (DateTime.UtcNow > deadline)
                {
                    throw new TimeoutException($"{NameOf(node)} does not see the whole cluster.");
                }
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => DisposeAsync(Nodes);

    private static async ValueTask DisposeAsync(IEnumerable<OwnTestBroker> nodes)
    {
        foreach (OwnTestBroker node in nodes.Reverse())
        {
            await node.DisposeAsync();
        }
    }

    private static async Task<bool> SeesAllAsync(OwnTestBroker node)
    {
        try
        {
            return (await JsonAsync(node, "nodes?columns=running")).EnumerateArray().Count(seen => seen.GetProperty("running").GetBoolean()) == Size;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static async Task<JsonElement> JsonAsync(OwnTestBroker node, string path) => JsonSerializer.Deserialize<JsonElement>(await node.Management.GetStringAsync(path));
}
