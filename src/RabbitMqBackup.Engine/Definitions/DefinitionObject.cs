using System.Text.Json;
using System.Text.Json.Nodes;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>
/// One object of a set of definitions, immutable. It keeps its JSON as it was read, so that fields which this module does not know are written again byte by byte; the properties are views on it.
/// </summary>
public abstract class DefinitionObject
{
    private DefinitionKey? _key;

    private protected DefinitionObject(DefinitionKind kind, JsonElement json)
    {
        Kind = kind;
        Json = json;
    }

    /// <summary>What kind of object it is.</summary>
    public DefinitionKind Kind { get; }

    /// <summary>Its name; for objects without one of their own, what they belong to.</summary>
    public virtual string Name => Text("name");

    /// <summary>Its virtual host, or null for cluster-wide objects and in a file of one virtual host.</summary>
    public virtual string? VirtualHost => Json.Text("vhost");

    /// <summary>The JSON as read.</summary>
    internal JsonElement Json { get; }

    /// <summary>It is part of the cluster itself, and no cluster takes another's.</summary>
    internal virtual bool IsBrokersOwn => false;

    /// <summary>Its identity.</summary>
    internal DefinitionKey Key => _key ??= new(Kind, VirtualHost, Id);

    /// <summary>Kind and name for people, without the virtual host.</summary>
    private protected virtual string Title => $"{DefinitionSchema.Of(Kind).Noun} '{Name}'";

    private protected virtual string Id => Name;

    /// <summary>The object as RabbitMQ's JSON. It can hold secrets: password hashes, passwords in URIs.</summary>
    public string ToJson() => Json.GetRawText();

    /// <summary>For people, e.g. <c>queue 'orders' in '/'</c>.</summary>
    public override string ToString() => VirtualHost is { } host && Kind != DefinitionKind.VirtualHost ? $"{Title} in '{host}'" : Title;

    /// <summary>A copy with changes.</summary>
    internal DefinitionObject With(Action<JsonObject> edit)
    {
        JsonObject copy = JsonObject.Create(Json)!;
        edit(copy);
        return DefinitionSchema.Of(Kind).Create(JsonSerializer.SerializeToElement(copy));
    }

    /// <summary>
    /// The object as a broker is given it: with what brokers stumble over where it is missing. Measured: 3.10 and 4.0 refuse a binding without a destination type and a user without tags, 3.10 a
    /// queue without <c>auto_delete</c>, and a user without a password hash gets one that nobody knows.
    /// </summary>
    /// <param name="namesQueueType">A queue says its type even where it is classic.</param>
    internal DefinitionObject ForBroker(bool namesQueueType)
    {
        JsonObject copy = JsonObject.Create(Json)!;
        Complete(copy, namesQueueType);
        return JsonNode.DeepEquals(copy, JsonObject.Create(Json)) ? this : DefinitionSchema.Of(Kind).Create(JsonSerializer.SerializeToElement(copy));
    }

    /// <summary>
    /// The object in the one form that all versions' spellings of it have in common, for comparisons: defaults written out, what a broker adds by itself left out.
    /// </summary>
    internal JsonObject Canonical()
    {
        JsonObject copy = JsonObject.Create(Json)!;
        Normalize(copy);
        return copy;
    }

    private protected virtual void Normalize(JsonObject json)
    {
    }

    private protected virtual void Complete(JsonObject json, bool namesQueueType)
    {
    }

    /// <summary>A flag; what a broker takes for it where it is missing, or as 3.10 writes that, <c>undefined</c>.</summary>
    private protected bool Flag(string name, bool missing) => Json.Member(name).ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => missing,
    };

    private protected string Text(string name) => Json.Text(name) ?? "";

    private protected static void Default(JsonObject json, string name, JsonNode value)
    {
        if (json[name] is null)
        {
            json[name] = value;
        }
    }
}
