using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>
/// A cluster's or a virtual host's definitions, immutable. Members that this module does not know, and unknown fields of known objects, are kept as they are.
/// </summary>
public sealed class DefinitionsDocument
{
    private static readonly string[] VirtualHostMembers = ["metadata", "description", "default_queue_type", "limits", "tags"];

    // Members besides the objects, in their order.
    private readonly IReadOnlyList<KeyValuePair<string, JsonElement>> _header;

    internal DefinitionsDocument(IReadOnlyList<KeyValuePair<string, JsonElement>> header, IReadOnlyList<DefinitionObject> objects, IReadOnlyList<string> warnings)
    {
        _header = header;
        Objects = objects;
        Warnings = warnings;
    }

    /// <summary>All objects.</summary>
    public IReadOnlyList<DefinitionObject> Objects { get; }

    /// <summary>Virtual hosts.</summary>
    public IReadOnlyList<VirtualHostDefinition> VirtualHosts => Of<VirtualHostDefinition>();

    /// <summary>Users.</summary>
    public IReadOnlyList<UserDefinition> Users => Of<UserDefinition>();

    /// <summary>Permissions.</summary>
    public IReadOnlyList<PermissionDefinition> Permissions => Of<PermissionDefinition>();

    /// <summary>Topic permissions.</summary>
    public IReadOnlyList<TopicPermissionDefinition> TopicPermissions => Of<TopicPermissionDefinition>();

    /// <summary>Parameters.</summary>
    public IReadOnlyList<ParameterDefinition> Parameters => Of<ParameterDefinition>();

    /// <summary>Global parameters.</summary>
    public IReadOnlyList<GlobalParameterDefinition> GlobalParameters => Of<GlobalParameterDefinition>();

    /// <summary>Policies; operator policies are <see cref="Parameters"/>.</summary>
    public IReadOnlyList<PolicyDefinition> Policies => Of<PolicyDefinition>();

    /// <summary>Exchanges, without the broker's own.</summary>
    public IReadOnlyList<ExchangeDefinition> Exchanges => Of<ExchangeDefinition>();

    /// <summary>Queues, without exclusive ones.</summary>
    public IReadOnlyList<QueueDefinition> Queues => Of<QueueDefinition>();

    /// <summary>Bindings.</summary>
    public IReadOnlyList<BindingDefinition> Bindings => Of<BindingDefinition>();

    /// <summary>Version of the broker that they come from, or empty.</summary>
    public string RabbitMqVersion => Header("rabbitmq_version") ?? Header("rabbit_version") ?? "";

    /// <summary>Name of the cluster that they come from, or empty: 3.x does not tell.</summary>
    public string ClusterName => Header("original_cluster_name") ?? "";

    /// <summary>The virtual host that a file of one virtual host comes from; null in others, and where the broker (3.x) does not tell.</summary>
    public string? OriginalVirtualHost => Header("original_vhost_name");

    /// <summary>It holds the objects of one virtual host, which do not name it.</summary>
    public bool IsSingleVirtualHost => Header("rabbitmq_definition_format") == "single_virtual_host" || Objects.Any(LacksVirtualHost);

    /// <summary>What was odd when they were read, for people.</summary>
    public IReadOnlyList<string> Warnings { get; }

    internal IReadOnlyList<KeyValuePair<string, JsonElement>> HeaderMembers => _header;

    /// <summary>Reads RabbitMQ's own JSON.</summary>
    /// <param name="json">UTF-8, with or without a byte order mark.</param>
    /// <param name="source">Where it comes from, for messages: a path, a backup's id.</param>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.DefinitionInvalid"/> with the place of the fault.</exception>
    public static DefinitionsDocument Parse(ReadOnlyMemory<byte> json, string source) => DefinitionsReader.Read(json, source);

    /// <summary>From single objects, e.g. such as came down a pipeline.</summary>
    public static DefinitionsDocument FromObjects(IEnumerable<DefinitionObject> objects) => new([], [.. objects], []);

    /// <summary>RabbitMQ's own JSON as rabbitmqctl, rabbitmqadmin and the management page take it: UTF-8 without a byte order mark, one object a line. It can hold secrets.</summary>
    public byte[] ToJson()
    {
        using MemoryStream stream = new();
        using (StreamWriter text = new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)))
        {
            string separator = "{\n";
            foreach ((string name, JsonElement value) in _header)
            {
                text.Write($"{separator}  {Quote(name)}: {value.GetRawText()}");
                separator = ",\n";
            }

            ILookup<DefinitionKind, DefinitionObject> kinds = Objects.ToLookup(item => item.Kind);
            foreach (DefinitionSchema schema in DefinitionSchema.All.Where(schema => kinds.Contains(schema.Kind) || !IsSingleVirtualHost || schema.IsInVirtualHost))
            {
                text.Write($"{separator}  {Quote(schema.Section)}: [");
                separator = ",\n";
                string comma = "\n";
                foreach (DefinitionObject item in kinds[schema.Kind])
                {
                    text.Write($"{comma}    {item.ToJson()}");
                    comma = ",\n";
                }

                text.Write(comma == "\n" ? "]" : "\n  ]");
            }

            text.Write("\n}\n");
        }

        return stream.ToArray();
    }

    /// <summary>Tells one cluster from another; null where the definitions don't.</summary>
    internal string? ClusterIdentity => GlobalParameters.FirstOrDefault(parameter => parameter.IsBrokersOwn)?.Value as string ?? (ClusterName.Length == 0 ? null : ClusterName);

    /// <summary>The same document with the name of its cluster.</summary>
    internal DefinitionsDocument WithClusterName(string name) => new([.. _header, new("original_cluster_name", JsonSerializer.SerializeToElement(name))], Objects, Warnings);

    /// <summary>The same document without a member besides the objects; with a warning where it had it.</summary>
    internal DefinitionsDocument Without(string member) => _header.Any(pair => pair.Key == member)
        ? new([.. _header.Where(pair => pair.Key != member)], Objects, [.. Warnings, $"\"{member}\" was taken out: a broker has its own."])
        : this;

    /// <summary>The same document with other objects.</summary>
    internal DefinitionsDocument WithObjects(IEnumerable<DefinitionObject> objects, params IEnumerable<string> warnings) => new(_header, [.. objects], [.. Warnings, .. warnings]);

    /// <summary>
    /// A file of one virtual host as one of a cluster: every object names its virtual host, and that is an object itself. Others stay as they are.
    /// </summary>
    /// <param name="virtualHost">Where the objects belong; default: the name that the file has for it.</param>
    /// <exception cref="ArgumentException">Neither is given.</exception>
    internal DefinitionsDocument ToClusterWide(string? virtualHost)
    {
        if (!IsSingleVirtualHost)
        {
            return this;
        }

        string name = virtualHost ?? OriginalVirtualHost
            ?? throw new ArgumentException("The definitions are those of one virtual host and do not tell which: name the virtual host that they are for with -TargetVirtualHost.", nameof(virtualHost));
        JsonObject host = new() { ["name"] = name };
        foreach ((string member, JsonElement value) in _header.Where(member => VirtualHostMembers.Contains(member.Key)))
        {
            host[member] = JsonNode.Parse(value.GetRawText());
        }

        // 3.10 puts the virtual host into policies and parameters even here.
        IEnumerable<DefinitionObject> objects = Objects.Select(item => LacksVirtualHost(item) || (item is PolicyDefinition or ParameterDefinition && item.VirtualHost != name) ? item.With(json => json["vhost"] = name) : item);
        IEnumerable<KeyValuePair<string, JsonElement>> header = _header.Where(member => !VirtualHostMembers.Contains(member.Key) && member.Key is not ("rabbitmq_definition_format" or "original_vhost_name" or "explanation"));
        return new([.. header], [new VirtualHostDefinition(JsonSerializer.SerializeToElement(host)), .. objects], Warnings);
    }

    /// <summary>It is in a virtual host but does not say in which.</summary>
    internal static bool LacksVirtualHost(DefinitionObject item) => item.VirtualHost is null && DefinitionSchema.Of(item.Kind).IsInVirtualHost;

    private static string Quote(string name) => JsonSerializer.Serialize(name);

    private string? Header(string name) => _header.FirstOrDefault(member => member.Key == name).Value is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    private IReadOnlyList<T> Of<T>() => [.. Objects.OfType<T>()];
}
