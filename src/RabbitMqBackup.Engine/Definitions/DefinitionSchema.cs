using System.Text;
using System.Text.Json;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>How one kind of object stands in RabbitMQ's JSON.</summary>
internal sealed class DefinitionSchema
{
    private const FieldType Table = FieldType.Object | FieldType.EmptyArray;

    // A short string of AMQP.
    private const int MaxNameBytes = 255;

    private static readonly DefinitionSchema[] Schemas =
    [
        new(DefinitionKind.VirtualHost, "vhosts", "virtual host", json => new VirtualHostDefinition(json),
        [
            new("name", FieldType.Name, true),
            new("description", FieldType.Any),
            new("tags", FieldType.Any),
            new("default_queue_type", FieldType.Any),
            new("metadata", FieldType.Any),
            new("limits", FieldType.Any),
            new("tracing", FieldType.Any),
        ]),
        new(DefinitionKind.User, "users", "user", json => new UserDefinition(json),
        [
            new("name", FieldType.Name, true),
            new("password", FieldType.String),
            new("password_hash", FieldType.String),
            new("hashing_algorithm", FieldType.String),
            new("tags", FieldType.String | FieldType.Array),
            new("limits", Table),
        ]),
        new(DefinitionKind.Permission, "permissions", "permission", json => new PermissionDefinition(json),
        [
            new("user", FieldType.Name, true),
            new("vhost", FieldType.String),
            new("configure", FieldType.String, true),
            new("write", FieldType.String, true),
            new("read", FieldType.String, true),
        ]),
        new(DefinitionKind.Parameter, "parameters", "parameter", json => new ParameterDefinition(json),
        [
            new("component", FieldType.Name, true),
            new("vhost", FieldType.String),
            new("name", FieldType.Name, true),
            new("value", FieldType.Any, true),
        ]),
        new(DefinitionKind.GlobalParameter, "global_parameters", "global parameter", json => new GlobalParameterDefinition(json),
            [new("name", FieldType.Name, true), new("value", FieldType.Any, true)]),
        new(DefinitionKind.Policy, "policies", "policy", json => new PolicyDefinition(json),
        [
            new("name", FieldType.Name, true),
            new("vhost", FieldType.String),
            new("pattern", FieldType.String, true),
            new("apply-to", FieldType.String),
            new("priority", FieldType.Number),
            new("definition", Table, true),
        ]),
        new(DefinitionKind.Exchange, "exchanges", "exchange", json => new ExchangeDefinition(json),
        [
            new("name", FieldType.Name, true),
            new("vhost", FieldType.String),
            new("type", FieldType.String, true),
            new("durable", FieldType.Boolean),
            new("auto_delete", FieldType.Boolean),
            new("internal", FieldType.Boolean),
            new("arguments", Table),
        ]),
        new(DefinitionKind.TopicPermission, "topic_permissions", "topic permission", json => new TopicPermissionDefinition(json),
        [
            new("user", FieldType.Name, true),
            new("vhost", FieldType.String),
            new("exchange", FieldType.String, true),
            new("write", FieldType.String, true),
            new("read", FieldType.String, true),
        ]),
        new(DefinitionKind.Queue, "queues", "queue", json => new QueueDefinition(json),
        [
            new("name", FieldType.Name, true),
            new("vhost", FieldType.String),
            new("type", FieldType.String),
            new("durable", FieldType.Boolean),
            new("auto_delete", FieldType.Boolean),
            new("arguments", Table),
        ]),
        new(DefinitionKind.Binding, "bindings", "binding", json => new BindingDefinition(json),
        [
            new("source", FieldType.Name, true),
            new("vhost", FieldType.String),
            new("destination", FieldType.Name, true),
            new("destination_type", FieldType.String),
            new("routing_key", FieldType.String, true),
            new("arguments", Table),
        ]),
    ];

    // How 3.10 exports what a file that it imported had left out.
    private const string Undefined = "undefined";

    private readonly FieldRule[] _fields;

    private DefinitionSchema(DefinitionKind kind, string section, string noun, Func<JsonElement, DefinitionObject> create, FieldRule[] fields)
    {
        Kind = kind;
        Section = section;
        Noun = noun;
        Create = create;
        _fields = fields;
    }

    [Flags]
    private enum FieldType
    {
        String = 1,
        Number = 2,
        Boolean = 4,
        Object = 8,
        Array = 16,
        EmptyArray = 32,
        Any = 64,

        /// <summary>A text by which an object is addressed, <see cref="BadName"/>.</summary>
        Name = 128,
    }

    /// <summary>All kinds, in the order of an import.</summary>
    internal static IReadOnlyList<DefinitionSchema> All => Schemas;

    internal DefinitionKind Kind { get; }

    /// <summary>The key in the file.</summary>
    internal string Section { get; }

    /// <summary>The kind for people.</summary>
    internal string Noun { get; }

    /// <summary>Makes the typed object.</summary>
    internal Func<JsonElement, DefinitionObject> Create { get; }

    /// <summary>It lives in a virtual host.</summary>
    internal bool IsInVirtualHost => Array.Exists(_fields, rule => rule.Name == "vhost");

    internal static DefinitionSchema Of(DefinitionKind kind) => Schemas[(int)kind];

    /// <summary>
    /// Why nobody could address an object of such a name, for people; null where all is well. Brokers import each of these without a word (measured on 3.10.8, 4.0.5 and 4.3.6): an empty name, which 3.10
    /// exports while a virtual host is being deleted; one with a line break in it, which they strip from the names that clients and the API give; one that is longer than AMQP can say.
    /// </summary>
    internal string? BadName(JsonElement json)
    {
        foreach (FieldRule field in _fields.Where(field => field.Types == FieldType.Name))
        {
            string? fault = json.Text(field.Name) switch
            {
                null => null,
                { Length: 0 } => "is empty",
                { } name when IsInVirtualHost && name.AsSpan().ContainsAny('\r', '\n') => "has a line break in it",
                { } name when Encoding.UTF8.GetByteCount(name) > MaxNameBytes => $"is longer than {MaxNameBytes} bytes",
                _ => null,
            };
            if (fault is not null)
            {
                return $"a name of it {fault}, and nobody could address it";
            }
        }

        return null;
    }

    /// <summary>It is a field that some broker writes for this kind.</summary>
    internal bool Knows(string field) => Array.Exists(_fields, rule => rule.Name == field);

    internal static DefinitionSchema? OfSection(string section) => Array.Find(Schemas, schema => schema.Section == section);

    /// <summary>What is wrong with an object, for people; null when it can be understood.</summary>
    internal string? Fault(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            return $"must be an object, not {Spell(json)}";
        }

        foreach (FieldRule field in _fields)
        {
            JsonElement value = json.Member(field.Name);
            if (value.ValueKind == JsonValueKind.Undefined)
            {
                if (field.IsRequired)
                {
                    return $"lacks \"{field.Name}\"";
                }
            }
            else if (!field.Accepts(value))
            {
                return $"\"{field.Name}\" must be {field.Expected}, not {Spell(value)}";
            }
        }

        return null;
    }

    internal static string Spell(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "true or false",
        _ => "null",
    };

    private readonly record struct FieldRule(string Name, FieldType Types, bool IsRequired = false)
    {
        internal string Expected => Types switch
        {
            FieldType.String or FieldType.Name => "a text",
            FieldType.Number => "a number",
            FieldType.Boolean => "true or false",
            Table => "an object",
            _ => "a text or a list",
        };

        internal bool Accepts(JsonElement value) => Types.HasFlag(FieldType.Any) || value.ValueKind switch
        {
            JsonValueKind.String => Types.HasFlag(FieldType.String) || Types.HasFlag(FieldType.Name) || (Types.HasFlag(FieldType.Boolean) && value.ValueEquals(Undefined)),
            JsonValueKind.Number => Types.HasFlag(FieldType.Number),
            JsonValueKind.True or JsonValueKind.False => Types.HasFlag(FieldType.Boolean),
            JsonValueKind.Object => Types.HasFlag(FieldType.Object),
            JsonValueKind.Array => Types.HasFlag(FieldType.Array) || (Types.HasFlag(FieldType.EmptyArray) && value.GetArrayLength() == 0),
            _ => false,
        };
    }
}
