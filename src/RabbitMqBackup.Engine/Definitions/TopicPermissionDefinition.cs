using System.Text.Json;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>What a user may do with the topics of an exchange.</summary>
public sealed class TopicPermissionDefinition : DefinitionObject
{
    internal TopicPermissionDefinition(JsonElement json)
        : base(DefinitionKind.TopicPermission, json)
    {
    }

    /// <summary>The user.</summary>
    public string User => Text("user");

    /// <summary>The exchange; empty for all.</summary>
    public string Exchange => Text("exchange");

    /// <summary>The user.</summary>
    public override string Name => User;

    /// <summary>Regular expression over routing keys that it may publish with.</summary>
    public string Write => Text("write");

    /// <summary>Regular expression over routing keys that it may bind.</summary>
    public string Read => Text("read");

    private protected override string Title => $"topic permission of '{User}' on exchange '{Exchange}'";

    private protected override string Id => $"{User}\0{Exchange}";
}
