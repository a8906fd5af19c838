using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// The management API. Every error is a <see cref="RabbitBackupException"/>: <see cref="ErrorCode.ManagementApiUnavailable"/> (transient where a later call may succeed),
/// <see cref="ErrorCode.BrokerAuthenticationFailed"/>, <see cref="ErrorCode.BrokerAccessRefused"/>, <see cref="ErrorCode.DefinitionInvalid"/>.
/// </summary>
internal sealed partial class ManagementClient(BrokerOptions options) : IDisposable
{
    // The API refuses larger pages (400 invalid_pagination_parameters). A page of 500 queues with all columns below is about 0.3 MB.
    private const int PageSize = 500;
    private const long MaxPageBytes = 64L << 20;
    private const long MaxListBytes = 512L << 20;
    private const int MaxAttempts = 4;
    private const string QueueColumns =
        "name,vhost,type,durable,auto_delete,exclusive,arguments,messages_ready,messages_unacknowledged,message_bytes_ready,messages_delayed,messages_dlx,messages_ready_high,messages_by_priority,consumers,policy,effective_policy_definition," +
        "state,node,leader,members,online,single_active_consumer_tag,single_active_consumer_ctag,exclusive_consumer_tag,delivery_limit";

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);

    /// <summary>Milliseconds in which a list of nodes serves all queues that are asked for.</summary>
    private const int NodesAge = 1000;

    private readonly ManagementTransport _transport = new(options);
    private IReadOnlyList<NodeHealth>? _nodes;
    private long _nodesAt;

    /// <summary>The API's base URI without user info.</summary>
    internal string DisplayUri => _transport.DisplayUri;

    /// <summary>Cluster name, version, listeners.</summary>
    internal async Task<ClusterOverview> GetOverviewAsync(CancellationToken cancellationToken)
    {
        const string path = "/api/overview?columns=cluster_name,rabbitmq_version,management_version,node,listeners";
        using JsonDocument json = await GetAsync(path, MaxPageBytes, UserTag.Management, cancellationToken).ConfigureAwait(false) ?? throw NotTheApi();
        return ManagementJson.Overview(json.RootElement) ?? throw NotTheApi();
    }

    /// <summary>
    /// All queues that the user may see, page by page. Queues that come or go meanwhile shift the pages, so that one could fall between two of them: where there was more than one page,
    /// a list of the names alone (one answer, 0.3 to 1.9 s for 10,000 queues) shows what was missed, and that is asked for.
    /// </summary>
    internal async IAsyncEnumerable<QueueInfo> ListQueuesAsync(string? virtualHost, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string list = virtualHost is null ? "/api/queues" : $"/api/queues/{Segment(virtualHost)}";
        HashSet<QueueName> seen = [];
        EffectivePolicy? policies = null;
        int pages = 1;
        for (int page = 1; page <= pages; page++)
        {
            string path = $"{list}?page={page}&page_size={PageSize}&columns={QueueColumns}";
            using JsonDocument? json = page == 1
                ? await GetAsync(path, MaxPageBytes, UserTag.Queues, cancellationToken).ConfigureAwait(false) ?? throw NoVirtualHost(virtualHost ?? "")
                : await GetPageAsync(path, cancellationToken).ConfigureAwait(false);
            if (json is null)
            {
                break;
            }

            pages = (int)(json.RootElement.Integer("page_count") ?? 1);
            foreach (JsonElement item in json.RootElement.Member("items").Items())
            {
                bool needsPolicies = ManagementJson.NeedsPolicies(item);
                if (needsPolicies)
                {
                    policies ??= await GetPoliciesAsync(cancellationToken).ConfigureAwait(false);
                }

                QueueInfo queue = ManagementJson.Queue(item, needsPolicies ? policies : null);
                if (seen.Add(new(queue.VirtualHost, queue.Name)))
                {
                    yield return queue;
                }
            }
        }

        if (pages <= 1)
        {
            yield break;
        }

        foreach (QueueName missed in await ListNamesAsync(list, cancellationToken).ConfigureAwait(false))
        {
            if (seen.Add(missed) && await GetQueueAsync(missed, cancellationToken).ConfigureAwait(false) is { } queue)
            {
                yield return queue;
            }
        }
    }

    /// <summary>False where the virtual host is not there or the user has no permission in it (401 before 4.3, then 404).</summary>
    internal async Task<bool> MayListQueuesAsync(string virtualHost, CancellationToken cancellationToken)
    {
        try
        {
            string path = $"/api/queues/{Segment(virtualHost)}?page=1&page_size=1&columns=name";
            using JsonDocument? json = await GetAsync(path, MaxPageBytes, UserTag.Queues, cancellationToken).ConfigureAwait(false);
            return json is not null;
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.BrokerAccessRefused)
        {
            return false;
        }
    }

    /// <summary>One queue, or null where there is none.</summary>
    internal async Task<QueueInfo?> GetQueueAsync(QueueName queue, CancellationToken cancellationToken)
    {
        // The server resolves "." and ".." as path segments however they are escaped; such a queue is reached by a search only.
        bool search = IsDots(queue.Name) || IsDots(queue.VirtualHost);
        string path = search
            ? $"/api/queues?page=1&page_size={PageSize}&name={Uri.EscapeDataString($"^{ErlangRegexEscape(queue.Name)}$")}&use_regex=true&columns={QueueColumns}"
            : $"/api/queues/{Segment(queue.VirtualHost)}/{Segment(queue.Name)}?columns={QueueColumns},consumer_details.consumer_tag";
        using JsonDocument? json = await GetAsync(path, MaxPageBytes, UserTag.Queues, cancellationToken).ConfigureAwait(false);
        if (json is null)
        {
            return null;
        }

        JsonElement item = search
            ? json.RootElement.Member("items").Items().FirstOrDefault(candidate => candidate.Text("name") == queue.Name && candidate.Text("vhost") == queue.VirtualHost)
            : json.RootElement;
        if (item.Text("name") is null)
        {
            return null;
        }

        QueueInfo found = ManagementJson.Queue(item, ManagementJson.NeedsPolicies(item) ? await GetPoliciesAsync(cancellationToken).ConfigureAwait(false) : null);
        return await WithNodeAsync(found, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Asked for one classic queue by its name, the API calls it "running" also when its node is down; only its lists say "down" (seen on 4.3). Who may not see the nodes gets its word.</summary>
    private async Task<QueueInfo> WithNodeAsync(QueueInfo queue, CancellationToken cancellationToken)
    {
        if (queue.Type != QueueTypes.Classic || queue.Node.Length == 0)
        {
            return queue;
        }

        if (_nodes is null || Environment.TickCount64 - _nodesAt > NodesAge)
        {
            try
            {
                _nodes = await ListNodesAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (RabbitBackupException exception) when (exception.Code == ErrorCode.BrokerAccessRefused)
            {
                _nodes = [];
            }

            _nodesAt = Environment.TickCount64;
        }

        return _nodes.Any(node => node.Name == queue.Node && !node.Running) ? queue with { State = "down" } : queue;
    }

    /// <summary>Names of the virtual hosts that the user may see.</summary>
    internal async Task<IReadOnlyList<string>> ListVirtualHostsAsync(CancellationToken cancellationToken)
    {
        using JsonDocument json = await GetAsync("/api/vhosts?columns=name", MaxListBytes, UserTag.Management, cancellationToken).ConfigureAwait(false) ?? throw NotTheApi();
        return [.. json.RootElement.Items().Select(item => item.Text("name")).OfType<string>()];
    }

    /// <summary>Alarms, memory and disk of every node.</summary>
    internal async Task<IReadOnlyList<NodeHealth>> ListNodesAsync(CancellationToken cancellationToken)
    {
        const string path = "/api/nodes?columns=name,running,mem_alarm,disk_free_alarm,mem_used,mem_limit,disk_free,disk_free_limit";
        using JsonDocument json = await GetAsync(path, MaxListBytes, UserTag.Monitoring, cancellationToken).ConfigureAwait(false) ?? throw NotTheApi();
        return [.. json.RootElement.Items().Select(ManagementJson.Node)];
    }

    /// <summary>The user that the API knows us as, with its tags.</summary>
    internal async Task<ManagementUser> WhoAmIAsync(CancellationToken cancellationToken)
    {
        using JsonDocument json = await GetAsync("/api/whoami", MaxPageBytes, UserTag.Management, cancellationToken).ConfigureAwait(false) ?? throw NotTheApi();
        return ManagementJson.User(json.RootElement);
    }

    /// <summary>User and operator policies of all virtual hosts that the user may see.</summary>
    internal async Task<EffectivePolicy> GetPoliciesAsync(CancellationToken cancellationToken) => new(
        await ListRulesAsync("/api/policies", cancellationToken).ConfigureAwait(false),
        await ListRulesAsync("/api/operator-policies", cancellationToken).ConfigureAwait(false));

    /// <summary>
    /// Exchanges that clients can't publish to, as definitions have them, without the broker's own and those that federation makes by itself.
    /// </summary>
    internal async Task<IReadOnlyList<JsonElement>> ListInternalExchangesAsync(CancellationToken cancellationToken)
    {
        const string path = "/api/exchanges?columns=name,vhost,type,durable,auto_delete,internal,arguments";
        using JsonDocument json = await GetAsync(path, MaxListBytes, UserTag.Management, cancellationToken).ConfigureAwait(false) ?? throw NotTheApi();
        return
        [
            .. json.RootElement.Items()
                .Where(item => item.Flag("internal") && item.Text("type") != "x-federation-upstream" && item.Text("name")?.StartsWith("amq.", StringComparison.Ordinal) == false)
                .Select(item => item.Clone()),
        ];
    }

    /// <summary>All exchanges that the user may see.</summary>
    internal async Task<IReadOnlyList<ExchangeInfo>> ListExchangesAsync(CancellationToken cancellationToken)
    {
        const string path = "/api/exchanges?columns=name,vhost,type,internal,arguments,policy,messages_delayed";
        using JsonDocument json = await GetAsync(path, MaxListBytes, UserTag.Management, cancellationToken).ConfigureAwait(false) ?? throw NotTheApi();
        IReadOnlyList<PolicyRule> policies = await ListRulesAsync("/api/policies", cancellationToken).ConfigureAwait(false);
        return
        [
            .. json.RootElement.Items().Select(item => ManagementJson.Exchange(item, ByPolicy(item))),
        ];

        string? ByPolicy(JsonElement item) => policies
            .FirstOrDefault(policy => policy.VirtualHost == item.Text("vhost") && policy.Name == item.Text("policy"))?.Definition.GetValueOrDefault("alternate-exchange") as string;
    }

    /// <summary>Names of the features that this cluster does not permit any more (from 4.0; empty before).</summary>
    internal async Task<IReadOnlyList<string>> ListDeniedFeaturesAsync(CancellationToken cancellationToken)
    {
        using JsonDocument? json = await GetAsync("/api/deprecated-features", MaxPageBytes, UserTag.Management, cancellationToken).ConfigureAwait(false);
        return json is null ? [] : [.. json.RootElement.Items().Where(item => item.Text("state") is "denied" or "removed" || item.Text("deprecation_phase") == "removed").Select(item => item.Text("name") ?? "")];
    }

    /// <summary>Virtual hosts with description, tags and default queue type.</summary>
    internal async Task<IReadOnlyList<JsonElement>> ListVirtualHostPropertiesAsync(CancellationToken cancellationToken)
    {
        const string path = "/api/vhosts?columns=name,description,tags,default_queue_type,metadata";
        using JsonDocument json = await GetAsync(path, MaxListBytes, UserTag.Management, cancellationToken).ConfigureAwait(false) ?? throw NotTheApi();
        return [.. json.RootElement.Items().Select(item => item.Clone())];
    }

    public void Dispose() => _transport.Dispose();

    /// <summary>A page after the first: null where queues went away meanwhile, so that it is out of range (400) or its virtual host gone (404).</summary>
    private async Task<JsonDocument?> GetPageAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            return await GetAsync(path, MaxPageBytes, UserTag.Queues, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.DefinitionInvalid)
        {
            return null;
        }
    }

    private async Task<IReadOnlyList<PolicyRule>> ListRulesAsync(string path, CancellationToken cancellationToken)
    {
        using JsonDocument json = await GetAsync(path, MaxListBytes, UserTag.Management, cancellationToken).ConfigureAwait(false) ?? throw NotTheApi();
        return [.. json.RootElement.Items().Select(PolicyRule.FromJson)];
    }

    private async Task<IReadOnlyList<QueueName>> ListNamesAsync(string list, CancellationToken cancellationToken)
    {
        using JsonDocument? json = await GetAsync($"{list}?columns=vhost,name", MaxListBytes, UserTag.Queues, cancellationToken).ConfigureAwait(false);
        return json is null ? [] : [.. json.RootElement.Items().Select(item => new QueueName(item.Text("vhost") ?? "", item.Text("name") ?? ""))];
    }

    private async Task<JsonDocument?> GetAsync(string path, long maxBytes, string neededTag, CancellationToken cancellationToken)
    {
        byte[]? body = await AskAsync(path, maxBytes, neededTag, cancellationToken).ConfigureAwait(false);
        try
        {
            return body is null ? null : JsonDocument.Parse(body);
        }
        catch (JsonException exception)
        {
            throw NotTheApi(exception);
        }
    }

    /// <summary>
    /// Brokers answer a question with an error of their own where something comes or goes meanwhile (3.10: HTTP 500 to a list of queues of which one is just being deleted), so it is asked again. A broker that does not
    /// answer at all is told at once: the user may have the wrong address.
    /// </summary>
    private async Task<byte[]?> AskAsync(string path, long maxBytes, string neededTag, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await _transport.SendAsync(HttpMethod.Get, path, null, maxBytes, neededTag, cancellationToken).ConfigureAwait(false);
            }
            catch (RabbitBackupException answer) when (answer is { Code: ErrorCode.ManagementApiUnavailable, IsTransient: true, InnerException: null } && attempt < MaxAttempts)
            {
                await Task.Delay(FirstPause * attempt, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    internal RabbitBackupException NotTheApi(Exception? inner = null) =>
        new(ErrorCode.ManagementApiUnavailable, $"What answers at {DisplayUri} is not RabbitMQ's management API.", inner)
        {
            Target = DisplayUri,
            Hint = "Give the management API's address with -ManagementUri.",
        };

    /// <summary>A name as one segment of a path.</summary>
    private static string Segment(string name) => IsDots(name)
        ? throw new RabbitBackupException(ErrorCode.DefinitionInvalid, $"The management API can't address an object named '{name}'.") { Target = name }
        : Uri.EscapeDataString(name);

    private static bool IsDots(string name) => name is "." or "..";

    /// <summary>A name as an expression of the broker's that matches nothing else.</summary>
    internal static string ErlangRegexEscape(string name)
    {
        StringBuilder escaped = new();
        foreach (char c in name)
        {
            escaped.Append(char.IsAsciiLetterOrDigit(c) || c >= 0x80 ? "" : "\\").Append(c);
        }

        return escaped.ToString();
    }
}
